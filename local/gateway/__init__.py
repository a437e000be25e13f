"""A gateway that speaks OpenFaaS's REST API for functions that run as processes of this machine.

It only routes: supervisord starts and restarts the processes, each behind a unix socket of its own.
"""
