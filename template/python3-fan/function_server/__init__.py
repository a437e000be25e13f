"""An HTTP server for OpenFaaS functions that needs no watchdog beside it.

It meets OpenFaaS's workload contract by itself and calls the handler as the official Python template does:
`handle(event, context)`. Start it with `python -m function_server`.

Why not of-watchdog with the official template's Flask and waitress: that takes 1.2 ms a call, 0.92 ms of processor time
and 39 MB; this takes 0.3 ms, 0.15 ms and 23 MB. (Median of 5 starts beside each other, each with 2,000 calls of
`function/handler.py` over one kept connection.)
"""
