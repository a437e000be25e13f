"""Writes the dashboards and alert rules that Grafana is provisioned with."""

# Before any other module: the SDK warns on its first import only.
from dashboards import sdk as sdk
