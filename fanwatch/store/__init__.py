"""InfluxDB: what the Python parts ask of it and write to it."""
