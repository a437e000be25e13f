"""Who may log in to the page: names, roles and hashed passwords, in one file that `fanwatch console users` writes.

A line is `name:role:scrypt:N:r:p:salt:hash`, salt and hash in base64. The file is read again when it has changed, so a
user who was removed is out at once.

Passwords are hashed by hashlib's own scrypt, at OWASP's cost for small machines; argon2-cffi would be one more package
for the same. The rest is what keeps a file of a person's making from costing more memory or time than is there.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import threading
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

from fanwatch import private
from fanwatch.errors import FanwatchError, SettingsError, Unavailable

Role = Literal["viewer", "technician"]
ROLES: Final[tuple[str, ...]] = get_args(Role)
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,31}")
SHORTEST_PASSWORD: Final = 10
LONGEST_PASSWORD: Final = 256
"""Characters; longer ones would let a stranger have us hash what they like."""

_MOST_BYTES = 1_000_000
_SALT_BYTES = 16
# 16 MiB and five passes: OWASP's choice for machines that cannot spare 128 MiB for each attempt.
_N, _R, _P = 2**14, 8, 5
_MOST_N, _MOST_R, _MOST_P = 2**17, 16, 16
_LINE = re.compile(
    rf"({NAME.pattern}):({'|'.join(ROLES)}):scrypt:(\d{{1,6}}):(\d{{1,2}}):(\d{{1,2}}):([^:]+):([^:]+)"
)


class Login(NamedTuple):
    """One line of the file."""

    name: str
    role: Role
    salt: bytes
    digest: bytes
    cost: tuple[int, int, int] = (_N, _R, _P)

    def matches(self, password: str) -> bool:
        """Whether this is the password; takes as long for a wrong one."""
        return hmac.compare_digest(_hashed(password, self.salt, self.cost), self.digest)

    def line(self) -> str:
        """As the file has it."""
        parts = (base64.b64encode(part).decode() for part in (self.salt, self.digest))
        return ":".join([self.name, self.role, "scrypt", *map(str, self.cost), *parts])


def made(name: str, role: str, password: str) -> Login:
    """A login with a new salt. FanwatchError for a name, role or password that will not do."""
    if role not in ROLES:
        raise FanwatchError(f"{role!r} is no role of the console's. There are {' and '.join(ROLES)}.")
    if NAME.fullmatch(name) is None:
        raise FanwatchError(
            f"{name!r} is no name for a console user: 1 to 32 letters, digits, and . _ - @ after the first."
        )
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise FanwatchError(f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")
    if len(name) > 2 and name.lower() in password.lower():
        raise FanwatchError("A password that contains the name is the first one that is tried. Take another.")
    salt = secrets.token_bytes(_SALT_BYTES)
    return Login(name, _role(role), salt, _hashed(password, salt, (_N, _R, _P)))


# What an unknown name is compared with, so that the answer takes as long as for a known one.
_NOBODY = Login("", "viewer", bytes(_SALT_BYTES), bytes(32))


def read(path: Path) -> dict[str, Login]:
    """The logins in the file, by name. FanwatchError that says which line is wrong."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise FanwatchError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}. "
            "`fanwatch console users add NAME` makes it."
        ) from error
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line and not line.startswith("#"):
            login = _parsed(line)
            if login is None:
                raise FanwatchError(
                    f"{path}, line {number} is no login. `fanwatch console users` writes this file."
                )
            found[login.name] = login
    return found


def write(path: Path, logins: dict[str, Login]) -> None:
    """Replaces the file in one step; nobody else may read it, and it has the owner of its folder."""
    lines = ["# Written by `fanwatch console users`.", *(logins[name].line() for name in sorted(logins))]
    private.write({path: ("\n".join(lines) + "\n").encode()})


class Logins:
    """The file as it is now; safe between threads."""

    def __init__(self, path: str) -> None:
        """SettingsError where it cannot be used."""
        self._path = Path(path)
        self._lock = threading.Lock()
        # Each check takes 16 MiB and a fifth of a second of a core: two at once, few waiting.
        self._places = threading.BoundedSemaphore(2)
        self._stamp = self._stamped()
        try:
            self._found = read(self._path)
        except FanwatchError as error:
            raise SettingsError(f"FANWATCH_CONSOLE_LOGINS_FILE: {error}") from error

    def find(self, name: str) -> Login | None:
        """That user as they are now; None for nobody."""
        return self._current().get(name)

    def check(self, name: str, password: str) -> Login | None:
        """The login if the password is right; it takes as long if not. Unavailable where too many are checked."""
        if not self._places.acquire(timeout=5):
            raise Unavailable("Too many people are logging in just now. Try again in a moment.")
        try:
            login = self._current().get(name)
            right = (login or _NOBODY).matches(password[:LONGEST_PASSWORD])
            return login if right else None
        finally:
            self._places.release()

    def _current(self) -> dict[str, Login]:
        with self._lock:
            stamp = self._stamped()
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._found = read(self._path)
                except FanwatchError:
                    # A file that is gone or broken lets nobody in; the one who broke it sees that at once.
                    self._found = {}
            return self._found

    def _stamped(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_ino, found.st_size)


def _hashed(password: str, salt: bytes, cost: tuple[int, int, int]) -> bytes:
    n, r, p = cost
    # The surrogates of a mangled request would be no UTF-8.
    content = password.encode(errors="surrogatepass")
    return hashlib.scrypt(content, salt=salt, n=n, r=r, p=p, maxmem=256 * 1024 * 1024, dklen=32)


def _parsed(line: str) -> Login | None:
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    n, r, p = cost = int(found[3]), int(found[4]), int(found[5])
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in found.group(6, 7))
    except binascii.Error:
        return None
    # N is a power of two; beyond these a line would take all memory.
    bounded = 1 < n <= _MOST_N and n & (n - 1) == 0 and 0 < r <= _MOST_R and 0 < p <= _MOST_P
    fits = bounded and len(salt) >= 8 and len(digest) == 32
    return Login(found[1], _role(found[2]), salt, digest, cost) if fits else None


def _role(name: str) -> Role:
    return "technician" if name == "technician" else "viewer"
