"""The `fanwatch` command; thin, calls the parts."""
