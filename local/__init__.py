"""The laptop runtime: what stands in for OpenFaaS, and what starts all processes on one machine."""
