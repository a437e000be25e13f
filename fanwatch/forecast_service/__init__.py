"""forecast-fan: it takes the fleet on from its checkpoints, publishes alarms and obeys commands."""
