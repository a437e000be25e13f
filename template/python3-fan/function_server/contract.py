"""What a handler gets: the event and the context of OpenFaaS's official Python template."""

import socket
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

RawHeaders = list[tuple[bytes, bytes]]


class Headers(Mapping[str, str]):
    """Request headers, looked up without regard to case.

    It searches the list that the parser made: a handler that looks at one header, or at none, pays for no dict.
    """

    __slots__ = ("_raw",)

    def __init__(self, raw: RawHeaders) -> None:
        self._raw = raw

    def __getitem__(self, name: str) -> str:
        value: str | None = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """The header's value, or the default."""
        wanted = name.lower().encode("latin-1", "replace")
        for key, value in self._raw:
            if key == wanted:
                return value.decode("latin-1")
        return default

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter({key.decode("latin-1").title(): None for key, _ in self._raw})

    def __len__(self) -> int:
        return len({key for key, _ in self._raw})


class Event:
    """One request. `body` is bytes; headers and query are made only when they are asked for."""

    __slots__ = ("_scope", "body")

    def __init__(self, scope: Mapping[str, Any], body: bytes) -> None:
        self._scope = scope
        self.body = body

    @property
    def headers(self) -> Headers:
        """Request headers, case-insensitive."""
        return Headers(self._scope["headers"])

    @property
    def method(self) -> str:
        """GET, POST and so on."""
        return self._scope["method"]  # type: ignore[no-any-return]

    @property
    def path(self) -> str:
        """Path below the function's own, "/" at least."""
        return self._scope["path"]  # type: ignore[no-any-return]

    @property
    def query(self) -> dict[str, str]:
        """Query parameters; of a repeated one the first, as the official template's `.get` gives."""
        pairs = parse_qsl(self._scope["query_string"].decode("latin-1"), keep_blank_values=True)
        return dict(reversed(pairs))


class Context:
    """What surrounds the call: the host's name."""

    __slots__ = ("hostname",)

    def __init__(self) -> None:
        self.hostname = socket.gethostname()
