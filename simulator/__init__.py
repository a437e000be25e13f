"""Simulated turbine fans: labelled history for training, and a live fleet that publishes over MQTT."""
