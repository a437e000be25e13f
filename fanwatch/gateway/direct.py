"""Calls of a function at the address that its answers tell: past gateway and provider, and by them where that fails.

faasd's provider asks containerd seven things about a function at each call, 8 to 10 ms of processor time. A function
that has one replica, as all have there, is the same when it is called at its own address.
"""

import threading
from collections.abc import Mapping

from fanwatch.errors import FanwatchError
from fanwatch.gateway.client import MAX_ANSWER_BYTES, Gateway, Response
from fanwatch.gateway.http import HttpConnection, HttpError, written

REPLICA_HEADER = "X-Replica"
"""Of an answer: `ADDRESS:PORT INSTANCE` of the server that gave it. Functions tell it where tell_address is set."""


class Shortcut:
    """One function; safe to share between threads. Only for calls that may be made twice.

    An answer from the address counts only with status 200 and from the very replica that a call by the gateway last
    met: whatever else comes of it, the call is made again, by the gateway.
    """

    def __init__(self, gateway: Gateway, function: str, timeout_s: float) -> None:
        """`timeout_s` bounds a call at the address; one by the gateway may follow, which has its own."""
        self._gateway = gateway
        self._function = function
        self._timeout_s = timeout_s
        self._replica: str | None = None
        self._local = threading.local()

    def call(self, body: bytes, headers: Mapping[str, str]) -> Response:
        """As Gateway.call."""
        replica = self._replica
        if replica is not None:
            answer = self._ask(replica, body, headers)
            if answer is not None:
                return answer
            self._replica = None
        answer = self._gateway.call(self._function, body, headers)
        self._replica = answer.headers.get(REPLICA_HEADER) if answer.status == 200 else None
        return answer

    def _ask(self, replica: str, body: bytes, headers: Mapping[str, str]) -> Response | None:
        """The replica's answer; None where it gave none that counts."""
        try:
            host, port = _place(replica)
            request = written("POST", "/", host, port, body, headers)
            answer = self._connection(replica, host, port).exchange(request)
        except (OSError, ValueError, HttpError, FanwatchError):
            return None
        if answer.status != 200 or answer.headers.get(REPLICA_HEADER) != replica:
            return None
        return Response(answer.status, answer.headers, answer.body)

    def _connection(self, replica: str, host: str, port: int) -> HttpConnection:
        known: tuple[str, HttpConnection] | None = getattr(self._local, "known", None)
        if known is not None:
            if known[0] == replica:
                return known[1]
            known[1].close()
        made = HttpConnection(
            host, port, secure=False, timeout_s=self._timeout_s, most_bytes=MAX_ANSWER_BYTES
        )
        self._local.known = (replica, made)
        return made


def _place(replica: str) -> tuple[str, int]:
    """Host and port; ValueError where it tells none."""
    host, _, port = replica.partition(" ")[0].rpartition(":")
    return host, int(port)
