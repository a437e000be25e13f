"""HTTP off the way of readings: sessions of requests that know where a proxy is asked (fanwatch/proxies.py).

A module of its own, for requests takes 6 MB, which the connector and others do without.
"""

import ipaddress
from urllib.parse import urlsplit

import requests
import urllib3


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


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
