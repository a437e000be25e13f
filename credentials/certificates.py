"""A deployment's certificates in its folder: made, issued, rotated, revoked, and how long they last.

There are always two CAs at least: the current one signs, the next one only waits in everybody's `ca.crt`. So when it
takes over, all who were set up since the last change trust it already, and nobody has to be told first.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from credentials import authority
from credentials.authority import LEAF_DAYS, Pair
from credentials.names import check_device
from fanwatch.errors import FanwatchError
from fanwatch.private import read, write

SERVER = "server"
"""What the broker's certificate is called in `rotate`."""
HOSTS = (
    "mosquitto",
    "mosquitto.fanwatch",
    "mosquitto.fanwatch.svc",
    "mosquitto.fanwatch.svc.cluster.local",
    "localhost",
    "127.0.0.1",
    # faasd's bridge, where its functions reach the machine's services.
    "10.62.0.1",
)
"""Where our own parts find the broker, in every runtime."""
PAGE_HOSTS = ("console", "console-lan", "console-lan.fanwatch", "console-lan.fanwatch.svc")
"""Where Telegraf finds the technician's page, whose certificate it looks at."""
_GENERATIONS = ("previous", "current", "next")


class Term(NamedTuple):
    """How long a certificate is valid."""

    name: str
    file: Path
    ends: datetime
    days: float
    """Left; negative once it has ended."""
    needed: bool
    """False for a CA that signs nothing any more."""


class Certificates:
    """Those in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ca = folder / "ca"
        self.broker = folder / "mosquitto"
        # The page's files, less their endings.
        self._page_path = folder / "services" / "console" / "page"

    def init(self, hosts: Sequence[str]) -> None:
        """Two CAs and the broker's certificate, for HOSTS and `hosts`. FanwatchError where there are some already."""
        if (self._ca / "current.crt").exists():
            raise FanwatchError(
                f"{self._ca} holds a CA already. New certificates are made by `fanwatch certs rotate`."
            )
        current, following = authority.authority(), authority.authority()
        write(
            _files(self._ca / "current", current)
            | _files(self._ca / "next", following)
            | self._server(current, list(dict.fromkeys((*hosts, *HOSTS))), LEAF_DAYS)
            | {self.broker / "revoked.crl": _crl((current, following), ())}
        )
        self.distribute([self.broker])

    def issue(self, name: str, days: int = LEAF_DAYS) -> Path:
        """A certificate for a device or gateway; its folder. FanwatchError for a bad name, or where it has one."""
        check_device(name)
        path = self._client(name)
        if path.with_suffix(".crt").exists():
            raise FanwatchError(
                f"{name} has a certificate, {path}.crt. A new one is made by `fanwatch certs rotate {name}`."
            )
        write(_files(path, authority.client(self._pair("current"), name, days)))
        self.distribute([path.parent])
        return path.parent

    def rotate(self, name: str = SERVER, days: int = LEAF_DAYS, hosts: Sequence[str] = ()) -> Path:
        """A new certificate and key for the broker, with `hosts` added, or for a device that has one; its file."""
        signer = self._pair("current")
        if name == SERVER:
            write(self._server(signer, self._hosts(hosts), days))
            return self.broker / "server.crt"
        path = self._client(name)
        if not path.with_suffix(".crt").exists():
            raise FanwatchError(f"{name} has no certificate: give it one with `fanwatch certs issue {name}`.")
        write(_files(path, authority.client(signer, name, days)))
        return path.with_suffix(".crt")

    def rotate_authority(self, hosts: Sequence[str] = ()) -> None:
        """The next CA becomes the current one and signs the broker's certificate anew, and the page's where it has one.

        The one that was current stays trusted, the one before that no longer. Devices keep their certificates until
        they get new ones.
        """
        retired, signer, following = self._pair("current"), self._pair("next"), authority.authority()
        revoked = self._revoked()
        write(
            _files(self._ca / "previous", retired)
            | _files(self._ca / "current", signer)
            | _files(self._ca / "next", following)
            | self._server(signer, self._hosts(hosts), LEAF_DAYS)
            | (self._page(signer, hosts, LEAF_DAYS) if self._page_path.with_suffix(".crt").exists() else {})
            | {self.broker / "revoked.crl": _crl((retired, signer, following), revoked)}
        )
        self.distribute()

    def page(self, hosts: Sequence[str] = (), days: int = LEAF_DAYS) -> Path:
        """A new certificate and key for the console's page, for PAGE_HOSTS, the broker's hosts and `hosts`; its file.

        Its own key, for whoever has the broker's could speak as the broker. Names that it had, it keeps.
        """
        write(self._page(self._pair("current"), hosts, days))
        self.distribute([self._page_path.parent])
        return self._page_path.with_suffix(".crt")

    def revoke(self, name: str) -> None:
        """A device's certificate counts no more, once the broker has seen SIGHUP; its files go."""
        path = self._client(name)
        certificate = _load(path.with_suffix(".crt"))
        pairs = [self._pair(generation) for generation in self._generations()]
        write({self.broker / "revoked.crl": _crl(pairs, self._revoked() | {certificate.serial_number})})
        path.with_suffix(".crt").unlink()
        path.with_suffix(".key").unlink(missing_ok=True)

    def terms(self) -> list[Term]:
        """How long each of them is valid, the shortest first."""
        now = datetime.now(UTC)
        named = [
            (f"CA, {generation}", self._ca / f"{generation}.crt", generation != "previous")
            for generation in self._generations()
        ]
        named.append(("broker", self.broker / "server.crt", True))
        named += [("console's page", path, True) for path in self.folder.glob("services/console/page.crt")]
        for path in sorted(self.folder.glob("devices/*/client.crt")):
            named.append((path.parent.name, path, True))
        terms = []
        for name, path, needed in named:
            ends = _load(path).not_valid_after_utc
            terms.append(Term(name, path, ends, (ends - now).total_seconds() / 86_400, needed))
        return sorted(terms, key=lambda term: term.days)

    def distribute(self, folders: Iterable[Path] | None = None) -> None:
        """Writes `ca.crt`, all CAs that are trusted now, into the given folders or into everybody's."""
        trusted = b"".join(read(self._ca / f"{generation}.crt") for generation in self._generations())
        everybody = [self.broker, *self.folder.glob("services/*/"), *self.folder.glob("devices/*/")]
        write({folder / "ca.crt": trusted for folder in (everybody if folders is None else folders)})

    def _generations(self) -> list[str]:
        """Those that there are. FanwatchError where there is no CA."""
        if not (self._ca / "current.crt").exists():
            raise FanwatchError(f"{self._ca} holds no CA. Make one with `fanwatch certs init`.")
        return [name for name in _GENERATIONS if (self._ca / f"{name}.crt").exists()]

    def _pair(self, generation: str) -> Pair:
        self._generations()
        path = self._ca / generation
        certificate, key = read(path.with_suffix(".crt")), read(path.with_suffix(".key"))
        try:
            return Pair.parse(certificate, key)
        except ValueError as error:
            raise FanwatchError(f"{path}.crt and .key cannot be used: {error}.") from error

    def _server(self, signer: Pair, hosts: Sequence[str], days: int) -> dict[Path, bytes]:
        try:
            return _files(self.broker / "server", authority.server(signer, hosts, days))
        except ValueError as error:
            raise FanwatchError(f"{', '.join(hosts)}: {error}. Give names or addresses.") from error

    def _page(self, signer: Pair, hosts: Sequence[str], days: int) -> dict[Path, bytes]:
        before = self._page_path.with_suffix(".crt")
        kept = authority.hosts_of(_load(before)) if before.exists() else []
        return _files(
            self._page_path, authority.server(signer, self._hosts((*PAGE_HOSTS, *kept, *hosts)), days)
        )

    def _hosts(self, more: Sequence[str]) -> list[str]:
        return list(dict.fromkeys((*authority.hosts_of(_load(self.broker / "server.crt")), *more)))

    def _revoked(self) -> set[int]:
        """Serial numbers."""
        parts = read(self.broker / "revoked.crl").split(b"-----BEGIN")[1:]
        lists = [x509.load_pem_x509_crl(b"-----BEGIN" + part) for part in parts]
        return {entry.serial_number for found in lists for entry in found}

    def _client(self, name: str) -> Path:
        check_device(name)
        return self.folder / "devices" / name / "client"


def _files(path: Path, pair: Pair) -> dict[Path, bytes]:
    return {path.with_suffix(".crt"): pair.certificate_pem, path.with_suffix(".key"): pair.key_pem}


def _crl(pairs: Iterable[Pair], serials: Iterable[int]) -> bytes:
    """One list of each CA, for a client is refused where its CA has none. Serials are random: all may name all."""
    return b"".join(authority.pem(authority.revocations(pair, serials)) for pair in pairs)


def _load(path: Path) -> x509.Certificate:
    content = read(path)
    try:
        return x509.load_pem_x509_certificate(content)
    except ValueError as error:
        raise FanwatchError(f"{path} is no certificate: {error}.") from error
