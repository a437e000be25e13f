"""What pages ask of InfluxDB."""
