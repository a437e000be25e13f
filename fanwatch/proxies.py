"""Where a proxy that the environment names (http_proxy and its like) is used, and where it never is.

Fanwatch's parts reach each other directly, wherever they run: the gateway, the functions, the connector, InfluxDB, the
page and the model store. No proxy stands between them, so none is ever asked. A proxy is for what lies outside the
site: the address of a webhook, Grafana's contact points, and the tools that are downloaded.
"""

import ipaddress
import urllib.request
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import requests
import urllib3

_KINDS: Final = ("http", "https", "ftp", "all", "no", "socks", "ws", "wss", "mqtt")
_VARIABLES: Final = frozenset(f"{kind}_proxy" for kind in _KINDS)
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def direct() -> requests.Session:
    """For asking our own parts, past every proxy; kept-alive. Every call needs a `timeout`."""
    session = requests.Session()
    session.trust_env = False
    return session


def session_to(url: str) -> requests.Session:
    """For an address that may lie outside the site: by the environment's proxy, as NO_PROXY allows it.

    Never for this machine itself.
    """
    return direct() if _is_loopback(urlsplit(url).hostname or "") else requests.Session()


def no_answer(error: BaseException) -> str:
    """Why nothing came of a request, in a few words: requests' own texts name its pools and retries."""
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "timed out"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        named = (getattr(cause, "reason", None), *cause.args, cause.__cause__, cause.__context__)
        error, cause = cause, next((inner for inner in named if isinstance(inner, BaseException)), None)
    return type(error).__name__


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


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
