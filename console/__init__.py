"""The technician's page: the fleet, live."""
