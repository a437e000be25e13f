"""The broker's users: a password for each, and the lines of its role in the broker's access rules."""

import base64
import hashlib
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from credentials.names import ROLES, SERVICES, check, check_device
from fanwatch.errors import FanwatchError
from fanwatch.private import read, write

_ROLES = Path(__file__).resolve().parents[1] / "infra/mosquitto/roles.acl"
# Mosquitto's own count. Ours are random bytes, which no number of guesses finds; each round delays every connect.
_ROUNDS = 101
_SALT_BYTES = 12
_PASSWORD_BYTES = 24


class User(NamedTuple):
    """One user and what it may do."""

    name: str
    role: str


class Users:
    """Those of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._passwords = folder / "mosquitto/passwords"
        self._rules = folder / "mosquitto/acl"

    def prepare(self) -> None:
        """Lists without users, where there are none: the broker does not start without them."""
        if not self._passwords.exists():
            self._write({}, [])

    def all(self) -> list[User]:
        """Every user, by name. FanwatchError where there is no list yet."""
        return self._users(self._hashes())

    def add(self, name: str, role: str | None = None) -> User:
        """Makes a password, in a file of its own in the user's folder. The role of a user named like one is that one.

        FanwatchError for a bad name or role, or for a user that there is.
        """
        role = role or (name if name in ROLES else "device")
        if role not in ROLES:
            raise FanwatchError(f"{role!r} is no role. There are {', '.join(ROLES)}.")
        check(name, role) if role in SERVICES else check_device(name)
        hashes = self._hashes()
        if name in hashes:
            raise FanwatchError(
                f"There is a user {name}. For a new password remove it first: `fanwatch users remove {name}`."
            )
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        user = User(name, role)
        # No line end: what reads it whole would take it for a part of the password.
        write({self.home(user) / "password": password.encode()})
        self._write(hashes | {name: _hashed(password)}, [*self._users(hashes), user])
        return user

    def remove(self, name: str) -> None:
        """Takes a user and its password away; FanwatchError where there is none."""
        hashes = self._hashes()
        users = self._users(hashes)
        if name not in hashes:
            raise FanwatchError(f"There is no user {name}; `fanwatch users list` shows them.")
        [user] = [user for user in users if user.name == name]
        del hashes[name]
        users.remove(user)
        self._write(hashes, users)
        (self.home(user) / "password").unlink(missing_ok=True)

    def refresh(self) -> None:
        """Writes the access rules anew, from those of this release."""
        hashes = self._hashes()
        self._write(hashes, self._users(hashes))

    def home(self, user: User) -> Path:
        """The folder that holds what a user needs."""
        return self.folder / ("services" if user.role in SERVICES else "devices") / user.name

    def _hashes(self) -> dict[str, str]:
        """Hashed passwords by name."""
        if not self._passwords.exists():
            raise FanwatchError(
                f"{self._passwords.parent} holds no users' list. Make it with `fanwatch certs init`."
            )
        lines = read(self._passwords).decode().splitlines()
        return {name: rest for name, _, rest in (line.partition(":") for line in lines) if rest}

    def _users(self, hashes: dict[str, str]) -> list[User]:
        named = re.findall(r"^# role (\S+)\nuser (\S+)$", read(self._rules).decode(), re.M)
        roles = {name: role for role, name in named}
        return sorted(User(name, roles.get(name, "device")) for name in hashes)

    def _write(self, hashes: dict[str, str], users: Sequence[User]) -> None:
        passwords = "".join(f"{name}:{hashes[name]}\n" for name in sorted(hashes))
        write({self._passwords: passwords.encode(), self._rules: _rules(sorted(users)).encode()})


def _rules(users: Sequence[User]) -> str:
    """The access rules: what holds for all, then each user with the lines of its role."""
    source = _ROLES.read_text(encoding="utf-8")
    common: list[str] = []
    roles: dict[str, list[str]] = {}
    into = common
    for line in source.splitlines():
        if line.startswith("user "):
            into = roles.setdefault(line.removeprefix("user ").strip(), [])
        elif line and not line.startswith("#"):
            into.append(line)
    written = ["# Written by `fanwatch users`; a change is lost with its next one.", *common]
    for user in users:
        if user.role in roles:
            written += ["", f"# role {user.role}", f"user {user.name}"]
            if user.role in SERVICES and user.role != "operator":
                # What holds for all would let it write readings of a device of its name. There is none.
                written.append(f"topic deny fan/{user.name}/messages")
            written += roles[user.role]
    return "\n".join(written) + "\n"


def _hashed(password: str) -> str:
    """As mosquitto_passwd writes it: PBKDF2 with SHA-512, which every Mosquitto 2 reads."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS)
    return f"$7${_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
