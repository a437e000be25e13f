"""History in InfluxDB: the means that outlive raw points, and how databases and buckets are set up."""
