"""Messages, each with its one decoder: readings, results, alarms, commands, batches; and their topics."""
