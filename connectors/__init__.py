"""What invokes functions for messages."""
