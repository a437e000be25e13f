"""An HTTP server for OpenFaaS functions that needs no watchdog beside it.

It meets OpenFaaS's workload contract by itself and calls the handler as the official Python template does:
`handle(event, context)`. Start it with `python -m function_server`.
"""
