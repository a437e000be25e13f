"""From what a handler returned to status, headers and body."""

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from function_server.contract import RawHeaders

Response = tuple[int, RawHeaders, bytes]

_KEYS = {"statusCode", "body", "headers"}
_JSON = (b"content-type", b"application/json")
_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_BYTES = (b"content-type", b"application/octet-stream")


class BadReturn(TypeError):
    """The handler returned something that is no response."""


def from_handler(result: Any) -> Response:
    """Status, headers and body of a handler's return value.

    It takes what OpenFaaS's official template takes: a dict of `statusCode`, `body`, `headers` (each optional), a
    str, bytes or None; and a dict without any of those keys, which is answered as JSON. A `body` may be dict or list
    (JSON), str, bytes or None. Raises BadReturn for anything else.
    """
    if type(result) is dict and not _KEYS.isdisjoint(result):
        status = result.get("statusCode", 200)
        if type(status) is not int or not 200 <= status <= 599:
            raise BadReturn(f"The handler returned statusCode {status!r}; it takes an int from 200 to 599.")
        body, default_type = _body(result.get("body"))
        headers = _headers(result.get("headers"), default_type)
    else:
        status = 200
        body, default_type = _body(result)
        headers = [] if default_type is None else [default_type]
    if status == 204 or status == 304:
        return status, headers, b""
    headers.append((b"content-length", b"%d" % len(body)))
    return status, headers, body


def error(status: int, message: str, **extra: str) -> Response:
    """An error's answer: JSON with a sentence under `error`."""
    body = json.dumps({"error": message, **extra}).encode()
    return status, [_JSON, (b"content-length", b"%d" % len(body))], body


def _body(value: Any) -> tuple[bytes, tuple[bytes, bytes] | None]:
    if type(value) is bytes:
        return value, _BYTES
    if type(value) is str:
        return value.encode(), _TEXT
    if value is None:
        return b"", None
    if isinstance(value, dict | list):
        try:
            return json.dumps(value, allow_nan=False).encode(), _JSON
        except (TypeError, ValueError) as exc:
            raise BadReturn(f"The handler's body cannot be written as JSON: {exc}.") from exc
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value), _BYTES
    if isinstance(value, str):
        return value.encode(), _TEXT
    raise BadReturn(
        f"The handler returned a {type(value).__name__}; it takes dict, list, str, bytes or None."
    )


def _headers(given: Any, default_type: tuple[bytes, bytes] | None) -> RawHeaders:
    headers: RawHeaders = []
    pairs: Iterable[Any] = given.items() if isinstance(given, dict) else (given or ())
    for name, value in pairs:
        header = _header(name, value)
        # The server counts the body itself; a second length would contradict it.
        if header[0] != b"content-length":
            headers.append(header)
        if header[0] == b"content-type":
            default_type = None
    if default_type is not None:
        headers.append(default_type)
    return headers


@lru_cache(maxsize=512)
def _header(name: object, value: object) -> tuple[bytes, bytes]:
    """One header as bytes. Handlers set the same few again and again, so the work is kept."""
    text = f"{name}:{value}"
    if "\r" in text or "\n" in text or "\0" in text:
        raise BadReturn(f"The handler returned a header with a line break in it: {name!r}.")
    try:
        return str(name).lower().encode("ascii"), str(value).encode("latin-1")
    except UnicodeEncodeError as exc:
        raise BadReturn(f"The handler returned a header that is not Latin-1: {name!r}.") from exc
