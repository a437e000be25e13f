"""What every part of Fanwatch shares: readings, results, topics, bundles, the broker, settings and errors."""
