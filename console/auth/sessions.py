"""Who is logged in: tokens in memory, so that logging out, an ended session and a removed user are final.

Starlette's sessions are signed cookies, which nobody can take back before their time: a stolen one would outlive the
log-out. These end at once with the log-out, the user or the password, and are kept as hashes (docs/security.md).
"""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from console.auth.users import Login, Logins, Role

MOST_SESSIONS: Final = 1000
"""Sessions at once; with one more the oldest ends."""
MOST_OF_ONE: Final = 20
"""Sessions of one user."""
_TOKEN_BYTES = 32

SEAT: Final = "fanwatch.seat"
"""Where a request's scope has its Seat."""


class Visitor(msgspec.Struct, frozen=True):
    """Who looks at the page. `name` goes with what they decide, as `by`."""

    name: str
    role: Role

    @property
    def may_act(self) -> bool:
        """Whether they may acknowledge, snooze, close and send again."""
        return self.role == "technician"


LOCAL: Final = Visitor("technician", "technician")
"""Everybody, where there is no log-in: the page then answers on this machine only."""


class _Session(msgspec.Struct):
    login: Login
    """As it was when they logged in."""
    until: float


class Sessions:
    """Not thread-safe: the page's event loop owns it."""

    def __init__(self, logins: Logins, lasts_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._logins = logins
        self._lasts_s = lasts_s
        self._clock = clock
        # By the hash of the token: what leaks from memory or a log opens nothing.
        self._kept: OrderedDict[bytes, _Session] = OrderedDict()

    def begin(self, login: Login) -> str:
        """A new token for somebody whose password was right."""
        mine = [key for key, session in self._kept.items() if session.login.name == login.name]
        for key in mine[: max(0, len(mine) - MOST_OF_ONE + 1)]:
            del self._kept[key]
        while len(self._kept) >= MOST_SESSIONS:
            self._kept.popitem(last=False)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._kept[_key(token)] = _Session(login, self._clock() + self._lasts_s)
        return token

    def visitor(self, token: str) -> Visitor | None:
        """Whose token it is, with what they may do now; None once it has ended or the user was removed."""
        key = _key(token)
        session = self._kept.get(key)
        if session is None:
            return None
        login = self._logins.find(session.login.name)
        # Another password means that whoever knew the last one is out.
        if login is None or login.digest != session.login.digest or self._clock() >= session.until:
            del self._kept[key]
            return None
        return Visitor(login.name, login.role)

    def end(self, token: str) -> None:
        """Logs out."""
        self._kept.pop(_key(token), None)


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


class Seat:
    """The session that a request or a socket came with; `visitor` is who that is now."""

    def __init__(self, sessions: Sessions | None, token: str) -> None:
        self._sessions = sessions
        self._token = token

    @property
    def visitor(self) -> Visitor | None:
        """None once the session has ended."""
        return LOCAL if self._sessions is None else self._sessions.visitor(self._token)

    def same(self, other: "Seat") -> bool:
        """Whether both are one session."""
        return secrets.compare_digest(self._token.encode(), other._token.encode())
