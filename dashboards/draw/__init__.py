"""Draws the dashboards as pictures, from their own queries."""
