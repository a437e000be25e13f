"""What several parts say of fans: faulty readings, stops, outages, readings that cannot be used."""
