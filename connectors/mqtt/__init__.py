"""The at-least-once MQTT connector: a message is acknowledged to the broker once every function has settled it."""
