"""Model bundles over HTTP, from the model store: functions on OpenFaaS mount no volumes.

Nothing that came over the network is parsed before its checksum was compared, first that of `model.json` with the pin,
then that of each file with `model.json`. A bundle is kept under its pin once it is whole; a later start, also one
without the store, takes it from there, after checking it again (fanwatch/bundles/cache.py).
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit

from fanwatch.bundles import cache
from fanwatch.bundles.verified import METADATA, Listing, check_name, parse, sha256
from fanwatch.errors import BundleError, SettingsError
from fanwatch.gateway.http import HttpConnection, HttpError, TooLarge
from fanwatch.logs import Log
from fanwatch.settings import ModelStoreSettings

T = TypeVar("T")

MOST_BYTES: Final = 32_000_000
"""Of all files of a bundle: they lie in memory, where a container has no other place to write."""
MOST_FILES: Final = 100
_MOST_METADATA_BYTES = 1_000_000
_EXCHANGE_S = 10.0
_PAUSE_S = 1.0
_PIN_DIGITS = 64


class _Away(Exception):
    """The store did not answer, or not with a file; it may do so later."""


def is_url(source: str) -> bool:
    """Whether a bundle's setting names a place of the model store and not a directory."""
    return source.partition("://")[0].lower() in ("http", "https") and "://" in source


def fetch(url: str, pin: str | None, settings: ModelStoreSettings, setting: str = "FANWATCH_BUNDLE") -> Path:
    """The directory in which the bundle of `url`, such as http://model-store:8080/fan-anomaly/2, now lies.

    `pin` is the SHA-256 of its model.json; `setting` names the URL, and with _SHA256 the pin. Waits up to
    `settings.bundle_timeout` seconds for a store that is away. Raises BundleError, naming the URL and the file, where
    the bundle is not what the pin says, is too large, or cannot be had.
    """
    pin = _pin(url, pin, setting)
    folder = cache.folder(settings.bundle_cache)
    kept = folder / pin
    if not cache.whole(kept, pin):
        shutil.rmtree(kept, ignore_errors=True)
        _download(_Store(url, settings.bundle_timeout, setting), pin, kept)
        cache.tidy(folder)
    cache.used(kept)
    return kept


def opened(
    source: str | None,
    pin: str | None,
    settings: ModelStoreSettings,
    setting: str,
    opener: Callable[[str | None], T],
) -> T:
    """What `opener` makes of the directory that `source` names, or of that into which it is fetched, where it is a URL.

    Arguments as of `fetch`; a BundleError of the opener's names the URL.
    """
    if source is None or not is_url(source):
        return opener(source)
    directory = fetch(source, pin, settings, setting)
    try:
        return opener(str(directory))
    except BundleError as error:
        # Where it is kept says nothing to a person.
        raise BundleError(f"{source}: {error}") from error


class _Store:
    """One bundle's place in the store, until a deadline that is `timeout_s` ahead."""

    def __init__(self, url: str, timeout_s: float, setting: str) -> None:
        self._setting = setting
        self.url = url.rstrip("/")
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise SettingsError(f"{setting}={url!r} is no URL: {error}.") from error
        if not host or parts.query or parts.fragment or parts.username is not None:
            shown = self.url if parts.username is None else "a URL with a user"
            raise SettingsError(
                f"{setting}={shown} is no address such as http://model-store:8080/fan-anomaly/2."
            )
        self._secure = parts.scheme.lower() == "https"
        self._host, self._port = host, port or (443 if self._secure else 80)
        self._path = parts.path
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + timeout_s
        self._waiting = False

    def get(self, name: str, most_bytes: int) -> bytes:
        """A file of the bundle. Tries again until the deadline; BundleError where it is not had by then."""
        while True:
            try:
                return self._once(name, most_bytes)
            except _Away as error:
                left_s = self._deadline - time.monotonic()
                if left_s <= _PAUSE_S:
                    raise BundleError(
                        f"{self.url}/{name} could not be had within {self._timeout_s:g} s: {error}. Is the model"
                        " store up, and is the bundle there?"
                    ) from error
                if not self._waiting:
                    self._waiting = True
                    Log("bundle").warning(
                        "the model store is away, trying again", url=self.url, why=str(error)
                    )
                time.sleep(_PAUSE_S)

    def _once(self, name: str, most_bytes: int) -> bytes:
        host = f"[{self._host}]" if ":" in self._host else self._host
        path = quote(f"{self._path}/{name}", safe="/%")
        request = f"GET {path} HTTP/1.1\r\nHost: {host}:{self._port}\r\nConnection: close\r\n\r\n"
        left_s = max(0.1, min(_EXCHANGE_S, self._deadline - time.monotonic()))
        connection = HttpConnection(
            self._host, self._port, secure=self._secure, timeout_s=left_s, most_bytes=most_bytes
        )
        try:
            answer = connection.exchange(request.encode())
        except TimeoutError as error:
            raise _Away("it did not answer in time") from error
        except TooLarge as error:
            raise BundleError(f"{self.url}/{name} is no file of a bundle: {error}.") from error
        except HttpError as error:
            raise _Away(str(error)) from error
        except OSError as error:
            raise _Away(error.strerror or str(error)) from error
        finally:
            connection.close()
        if answer.status == 200:
            return answer.body
        if answer.status >= 500 or answer.status == 429:
            raise _Away(f"it answered {answer.status}")
        raise BundleError(
            f"{self.url}/{name} is not there (the store answered {answer.status}): copy the bundle into the model"
            f" store, or correct {self._setting}."
        )


def _download(store: _Store, pin: str, kept: Path) -> None:
    """Fetches, checks and writes into a folder beside `kept`, which takes its place once all of it is there."""
    raw = store.get(METADATA, _MOST_METADATA_BYTES)
    if sha256(raw) != pin:
        raise BundleError(
            f"{store.url}/{METADATA} has SHA-256 {sha256(raw)}, not the pinned {pin}: put the bundle that belongs to"
            " the pin there, or put this one into stack.yml if it is meant."
        )
    files = _listed(store, raw)
    made: Path | None = None
    try:
        made = cache.unfinished(kept.parent)
        _write(made / METADATA, raw)
        room = MOST_BYTES
        for name, expected in files.items():
            content = store.get(name, room)
            if sha256(content) != expected:
                raise BundleError(
                    f"{store.url}/{name} is not the file that {METADATA} vouches for: copy the bundle into the model"
                    " store again."
                )
            room -= len(content)
            _write(made / name, content)
        made.rename(kept)
    except OSError as error:
        # Another process may have been first, with the same bundle.
        if not cache.whole(kept, pin):
            raise BundleError(
                f"{store.url} cannot be kept in {kept.parent}: {error.strerror}. Make room there, or set"
                " FANWATCH_BUNDLE_CACHE to another folder."
            ) from error
    finally:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)


def _listed(store: _Store, raw: bytes) -> dict[str, str]:
    files = parse(f"{store.url}/{METADATA}", raw, Listing, "").files
    if len(files) > MOST_FILES:
        raise BundleError(
            f"{store.url}/{METADATA} names {len(files)} files; a bundle has at most {MOST_FILES}."
        )
    for name in files:
        check_name(f"{store.url}/{METADATA}", name)
    return files


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _pin(url: str, given: str | None, setting: str) -> str:
    pin = (given or "").strip().lower()
    if len(pin) != _PIN_DIGITS or not set(pin) <= set("0123456789abcdef"):
        raise SettingsError(
            f"{setting}={url} needs {setting}_SHA256, the SHA-256 of its {METADATA} in hexadecimal: what"
            " comes over the network is taken under a pin only."
        )
    return pin
