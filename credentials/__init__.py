"""Credentials of a deployment: certificates, users and what each may do."""
