"""Writes the dashboards and alert rules that Grafana is provisioned with."""
