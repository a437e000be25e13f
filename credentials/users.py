"""The broker's users: a password for each, and the lines of its role in the broker's access rules."""

import base64
import hashlib
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from credentials.files import read, write
from credentials.names import ROLES, SERVICES, check, check_device
from fanwatch.errors import FanwatchError

_RULES = Path(__file__).resolve().parents[1] / "infra/mosquitto"
# Mosquitto's own count. Ours are random bytes, which no number of guesses finds; each round delays every connect.
_ROUNDS = 101
_SALT_BYTES = 12
_PASSWORD_BYTES = 24


class User(NamedTuple):
    """One user and what it may do."""

    name: str
    role: str


class Users:
    """Those of one folder. `services` and `devices` lie apart, for each of the broker's listeners knows its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = folder / "mosquitto"

    def prepare(self) -> None:
        """Lists without users, where there are none: the broker does not start without them."""
        for group in ("services", "devices"):
            if not self._passwords(group).exists():
                self._write(group, {}, [])

    def all(self) -> list[User]:
        """Every user, services first."""
        return [user for group in ("services", "devices") for user in self._roles(group, self._hashes(group))]

    def add(self, name: str, role: str | None = None) -> User:
        """Makes a password, in a file of its own in the user's folder. The role of a user named like one is that one.

        FanwatchError for a bad name or role, or for a user that there is.
        """
        role = role or (name if name in ROLES else "device")
        if role not in ROLES:
            raise FanwatchError(f"{role!r} is no role. There are {', '.join(ROLES)}.")
        group = _group(role)
        check_device(name) if group == "devices" else check(name)
        if any(user.name == name for user in self.all()):
            raise FanwatchError(
                f"There is a user {name}. For a new password remove it first: `fanwatch users remove {name}`."
            )
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        hashes = self._hashes(group)
        users = [*self._roles(group, hashes), User(name, role)]
        # No line end: what reads it whole would take it for a part of the password.
        write({self.home(users[-1]) / "password": password.encode()})
        self._write(group, hashes | {name: _hashed(password)}, users)
        return users[-1]

    def remove(self, name: str) -> None:
        """Takes a user and its password away; FanwatchError where there is none."""
        for user in self.all():
            if user.name == name:
                group = _group(user.role)
                hashes = self._hashes(group)
                users = [other for other in self._roles(group, hashes) if other.name != name]
                del hashes[name]
                self._write(group, hashes, users)
                (self.home(user) / "password").unlink(missing_ok=True)
                return
        raise FanwatchError(f"There is no user {name}; `fanwatch users list` shows them.")

    def refresh(self) -> None:
        """Writes the access rules anew, from those of this release."""
        for group in ("services", "devices"):
            hashes = self._hashes(group)
            self._write(group, hashes, self._roles(group, hashes))

    def home(self, user: User) -> Path:
        """The folder that holds what a user needs."""
        return self.folder / _group(user.role) / user.name

    def _passwords(self, group: str) -> Path:
        return self.broker / f"{group}.passwords"

    def _hashes(self, group: str) -> dict[str, str]:
        """Hashed passwords by name. FanwatchError where there is no such list yet."""
        if not self._passwords(group).exists():
            raise FanwatchError(f"{self.broker} holds no users' list. Make it with `fanwatch certs init`.")
        lines = read(self._passwords(group)).decode().splitlines()
        return {name: rest for name, _, rest in (line.partition(":") for line in lines) if rest}

    def _roles(self, group: str, hashes: dict[str, str]) -> list[User]:
        named = re.findall(r"^# role (\S+)\nuser (\S+)$", read(self.broker / f"{group}.acl").decode(), re.M)
        roles = {name: role for role, name in named}
        return [User(name, roles.get(name, "device")) for name in hashes]

    def _write(self, group: str, hashes: dict[str, str], users: Sequence[User]) -> None:
        rules = _rules(group, users)
        passwords = "".join(f"{name}:{hashed}\n" for name, hashed in hashes.items())
        write({self._passwords(group): passwords.encode(), self.broker / f"{group}.acl": rules.encode()})


def _group(role: str) -> str:
    return "services" if role in SERVICES else "devices"


def _rules(group: str, users: Sequence[User]) -> str:
    """The group's access rules: what holds for all, then each user with the lines of its role."""
    source = (_RULES / f"{group}.acl").read_text(encoding="utf-8")
    lines = [line for line in source.splitlines() if line and not line.startswith("#")]
    common: list[str] = []
    roles: dict[str, list[str]] = {}
    into = common
    for line in lines:
        if line.startswith("user "):
            into = roles.setdefault(line.removeprefix("user ").strip(), [])
        else:
            into.append(line)
    written = ["# Written by `fanwatch users`; a change is lost with its next one.", *common]
    for user in users:
        if user.role in roles:
            written += ["", f"# role {user.role}", f"user {user.name}", *roles[user.role]]
    return "\n".join(written) + "\n"


def _hashed(password: str) -> str:
    """As mosquitto_passwd writes it: PBKDF2 with SHA-512, which every Mosquitto 2 reads."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS)
    return f"$7${_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
