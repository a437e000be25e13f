"""Where a proxy that the environment names (http_proxy and its like) is used, and where it never is.

Fanwatch's parts reach each other directly, wherever they run: the gateway, the functions, the connector, InfluxDB, the
page and the model store. No proxy stands between them, so none is ever asked. A proxy is for what lies outside the
site: the address of a webhook, Grafana's contact points, and the tools that are downloaded.
"""

import urllib.request
from collections.abc import Mapping
from typing import Final

_KINDS: Final = ("http", "https", "ftp", "all", "no", "socks", "ws", "wss", "mqtt")
_VARIABLES: Final = frozenset(f"{kind}_proxy" for kind in _KINDS)
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def without(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a part that reaches other parts only: no proxy is named in it."""
    return {name: value for name, value in environment.items() if name.lower() not in _VARIABLES}


def outward(environment: Mapping[str, str]) -> dict[str, str]:
    """The proxy's variables for a part that also reaches out of the site; this machine is excepted from them.

    Empty where the environment names no proxy.
    """
    found = {name: value for name, value in environment.items() if name.lower() in _VARIABLES and value}
    excepted = [
        part.strip()
        for name, value in sorted(found.items())
        if name.lower() == "no_proxy"
        for part in value.split(",")
    ]
    if not any(name.lower() != "no_proxy" for name in found):
        return {}
    # Programs differ in which spelling they read first.
    listed = ",".join(dict.fromkeys((*filter(None, excepted), *_LOOPBACK)))
    kept = {name: value for name, value in found.items() if name.lower() != "no_proxy"}
    return {**kept, "NO_PROXY": listed, "no_proxy": listed}


def in_the_way() -> bool:
    """Whether a program such as curl, called from this shell, asks a proxy for this very machine."""
    named = urllib.request.getproxies_environment().keys() & {"http", "all"}
    return bool(named) and not urllib.request.proxy_bypass("localhost")
