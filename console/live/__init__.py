"""The fleet as it is now, from the broker, in bounded memory."""
