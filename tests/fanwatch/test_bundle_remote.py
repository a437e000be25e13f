"""Bundles from a model store: what comes over the network is taken under its pin only, whole or not at all."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from fanwatch.bundles import anomaly as bundles
from fanwatch.bundles import remote, verified
from fanwatch.errors import BundleError, FanwatchError, SettingsError
from fanwatch.scorers import open_judge
from fanwatch.settings import InferSettings
from tests.support.http_stub import HttpStub, Reply, Request
from tests.support.ports import free_port, listens
from tests.support.process import Process
from tests.support.servers import ROOT, Server
from tests.support.wait import until

DEFAULT = verified.locate(None)
DIGEST = verified.sha256((DEFAULT / "model.json").read_bytes())
HEALTHY = (600.0, 40.0, 150.0, 48.0)
PLACE = "/fan-anomaly/7"


@pytest.fixture
def files() -> dict[str, bytes]:
    """What the store holds of the bundle, by name; a test may spoil it."""
    bundle = bundles.load(DEFAULT)
    return {
        "model.json": (DEFAULT / "model.json").read_bytes(),
        **{name: bundle.read(name) for name in bundle.names()},
    }


@pytest.fixture
def store(files: dict[str, bytes]) -> Iterator[HttpStub]:
    """A store that gives `files`."""

    def answer(request: Request) -> Reply:
        content = files.get(request.path.removeprefix(f"{PLACE}/"))
        return Reply(404) if content is None else Reply(body=content)

    made = HttpStub(answer)
    yield made
    made.close()


def settings(store: HttpStub, cache: Path, **changes: object) -> InferSettings:
    """An infer function's, with this store's bundle."""
    plain: dict[str, object] = {
        "bundle": store.url + PLACE,
        "bundle_sha256": DIGEST,
        "bundle_cache": str(cache),
        "bundle_timeout": 20.0,
        "engine": "litert",
    }
    return msgspec.convert(plain | changes, InferSettings)


def refused(given: InferSettings, *words: str, error: type[FanwatchError] = BundleError) -> None:
    """It is refused in one line with the words, and nothing of it is kept."""
    with pytest.raises(error) as raised:
        open_judge(given)
    assert "\n" not in str(raised.value)
    for word in words:
        assert word in str(raised.value)
    cache = Path(given.bundle_cache or "")
    assert not cache.is_dir() or list(cache.iterdir()) == []


def paths(store: HttpStub) -> list[str]:
    return [request.path.removeprefix(f"{PLACE}/") for request in store.requests]


def test_a_bundle_of_the_store_decides_as_the_same_one_in_a_directory(
    store: HttpStub, tmp_path: Path
) -> None:
    here = open_judge(InferSettings(bundle=str(DEFAULT), engine="litert"))
    assert open_judge(settings(store, tmp_path / "cache")).judge([HEALTHY]) == here.judge([HEALTHY])
    assert set(paths(store)) == {"model.json", *bundles.load(DEFAULT).names()}
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [DIGEST]


def test_lighttpd_as_the_model_store_configures_it_gives_the_bundle(tmp_path: Path) -> None:
    lighttpd = shutil.which("lighttpd", path=f"{os.environ.get('PATH')}:/usr/sbin")
    if lighttpd is None:
        pytest.skip("There is no lighttpd here (apt-get install lighttpd); make test-images tries it, too.")
    port = free_port()
    text = (ROOT / "infra/model-store/lighttpd.conf").read_text(encoding="utf-8")
    for old, new in (('"/models"', f'"{ROOT}/models"'), ("server.port = 8080", f"server.port = {port}")):
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "lighttpd.conf").write_text(text + 'server.bind = "127.0.0.1"\n', encoding="utf-8")
    served = Process([lighttpd, "-D", "-f", str(tmp_path / "lighttpd.conf")], tmp_path / "log", {}, tmp_path)
    try:
        until(lambda: served.alive() and listens(port), 20, "lighttpd")
        given = InferSettings(
            bundle=f"http://127.0.0.1:{port}/fan-anomaly/1/",
            bundle_sha256=DIGEST,
            bundle_cache=str(tmp_path / "cache"),
            engine="litert",
        )
        assert open_judge(given).judge([HEALTHY])[0].fault == 0
    finally:
        served.stop()


def test_another_description_than_the_pinned_one_is_not_even_parsed(
    store: HttpStub, files: dict[str, bytes], tmp_path: Path
) -> None:
    files["model.json"] = b"{" * 10
    refused(
        settings(store, tmp_path / "cache"),
        f"{store.url}{PLACE}/model.json",
        DIGEST,
        "stack.yml",
    )
    assert paths(store) == ["model.json"]


@pytest.mark.parametrize("name", ["model.tflite", "saved_model/saved_model.pb"])
@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "vouches"),
        (lambda content: content[: len(content) // 2], "vouches"),
        (lambda content: None, "404"),
    ],
    ids=["altered", "cut", "missing"],
)
def test_an_altered_a_cut_and_a_missing_file_are_named(
    store: HttpStub,
    files: dict[str, bytes],
    tmp_path: Path,
    name: str,
    spoil: Callable[[bytes], bytes | None],
    word: str,
) -> None:
    spoilt = spoil(files.pop(name))
    files |= {} if spoilt is None else {name: spoilt}
    refused(settings(store, tmp_path / "cache"), f"{store.url}{PLACE}/{name}", word)


def test_a_store_that_is_away_is_waited_for(store: HttpStub, tmp_path: Path) -> None:
    plain, tries = store.answer, iter([Reply(503), Reply(hang_up=True), Reply(body=b"half", cut_to=2)])
    store.answer = lambda request: next(tries, None) or plain(request)
    assert open_judge(settings(store, tmp_path / "cache")).judge([HEALTHY])
    assert paths(store)[:4] == ["model.json"] * 4


def test_a_store_that_stays_away_is_named_in_time(tmp_path: Path) -> None:
    closed = HttpStub()
    closed.close()
    refused(
        settings(closed, tmp_path / "cache", bundle_timeout=0.5),
        f"{closed.url}{PLACE}/model.json",
        "refused",
        "up",
    )


def test_a_store_that_never_ends_its_answer_is_given_up(store: HttpStub, tmp_path: Path) -> None:
    store.answer = lambda request: Reply(after_s=30)
    refused(settings(store, tmp_path / "cache", bundle_timeout=0.5), "in time")


def test_once_fetched_it_starts_without_the_store_and_is_checked_again(
    store: HttpStub, tmp_path: Path
) -> None:
    given = settings(store, tmp_path / "cache")
    open_judge(given)
    asked = len(store.requests)
    open_judge(given)
    assert len(store.requests) == asked
    kept = tmp_path / "cache" / DIGEST / "model.tflite"
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    open_judge(given)
    assert len(store.requests) == 2 * asked
    assert kept.read_bytes() == (DEFAULT / "model.tflite").read_bytes()


def test_several_that_start_at_once_share_one_copy(store: HttpStub, tmp_path: Path) -> None:
    given = settings(store, tmp_path / "cache")
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(remote.fetch(str(given.bundle), DIGEST, given)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [tmp_path / "cache" / DIGEST] * 6
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [DIGEST]


# What is new in the cache is stamped by the file system.
@pytest.mark.own_clock
def test_old_bundles_go_and_those_in_use_and_foreign_things_stay(store: HttpStub, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    pins = [f"{number:064x}" for number in range(7)]
    # The last one was used just now, whatever its place; the others the longer ago, the higher their number.
    ages = {
        **{pin: 7200 + 60 * number for number, pin in enumerate(pins)},
        "fanwatch-new-1": 7200,
        "mine": 9000,
    }
    ages |= {pins[-1]: 0, "fanwatch-new-2": 0}
    for name, age_s in ages.items():
        (cache / name).mkdir()
        os.utime(cache / name, (time.time() - age_s,) * 2)
    given = settings(store, cache)
    open_judge(given)
    kept = {DIGEST, pins[-1], pins[0], pins[1]}
    assert {path.name for path in cache.iterdir()} == kept | {"fanwatch-new-2", "mine"}
    # What is used again is young again.
    os.utime(cache / DIGEST, (0, 0))
    open_judge(given)
    assert (cache / DIGEST).stat().st_mtime > time.time() - 3600


def test_what_is_larger_than_a_bundle_may_be_is_refused(
    store: HttpStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = sum((DEFAULT / name).stat().st_size for name in bundles.load(DEFAULT).names())
    monkeypatch.setattr(remote, "MOST_BYTES", total - 1)
    refused(settings(store, tmp_path / "cache"), "more than", store.url)
    monkeypatch.setattr(remote, "MOST_BYTES", total)
    assert open_judge(settings(store, tmp_path / "cache"))


@pytest.mark.parametrize(
    ("listed", "word"),
    [
        ({"../secret": "ab"}, "outside"),
        ({"/etc/passwd": "ab"}, "outside"),
        ({f"file-{number}": "ab" for number in range(remote.MOST_FILES + 1)}, "at most"),
        ("nothing", "description"),
    ],
    ids=["above", "absolute", "many", "none"],
)
def test_a_pinned_description_may_not_reach_out_either(
    store: HttpStub, files: dict[str, bytes], tmp_path: Path, listed: object, word: str
) -> None:
    files["model.json"] = msgspec.json.encode({"files": listed})
    pin = verified.sha256(files["model.json"])
    refused(settings(store, tmp_path / "cache", bundle_sha256=pin), word)
    assert paths(store) == ["model.json"]


def test_a_network_that_fails_its_test_vector_is_refused_by_its_url(
    store: HttpStub, files: dict[str, bytes], tmp_path: Path
) -> None:
    described = msgspec.json.decode(files["model.json"])
    described["test_vector"]["probabilities"][0] += 0.01
    files["model.json"] = msgspec.json.encode(described)
    given = settings(store, tmp_path / "cache", bundle_sha256=verified.sha256(files["model.json"]))
    with pytest.raises(BundleError, match=rf"{store.url}{PLACE}: .* test vector"):
        open_judge(given)


@pytest.mark.parametrize("pin", [None, "", "abc", "z" * 64])
def test_without_a_pin_nothing_is_fetched(store: HttpStub, tmp_path: Path, pin: str | None) -> None:
    given = settings(store, tmp_path / "cache", bundle_sha256=pin)
    refused(given, "FANWATCH_BUNDLE_SHA256", store.url, error=SettingsError)
    assert store.requests == []


@pytest.mark.parametrize(
    "url", ["http://", "http://host:x/1", "http://me:secret@host/1", "http://host/1?x=1"]
)
def test_an_address_that_is_none_is_named(tmp_path: Path, url: str) -> None:
    given = InferSettings(bundle=url, bundle_sha256=DIGEST, bundle_cache=str(tmp_path / "cache"))
    refused(given, "FANWATCH_BUNDLE=", error=SettingsError)
    with pytest.raises(SettingsError) as raised:
        open_judge(given)
    assert "secret" not in str(raised.value)


def test_a_cache_in_which_others_may_write_is_refused(store: HttpStub, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    refused(settings(store, tmp_path / "cache"), "FANWATCH_BUNDLE_CACHE", str(tmp_path), error=SettingsError)
    (tmp_path / "link").symlink_to(tmp_path / "cache")
    (tmp_path / "cache").chmod(0o700)
    refused(settings(store, tmp_path / "link"), "FANWATCH_BUNDLE_CACHE", error=SettingsError)
    assert store.requests == []


def test_a_function_that_gets_no_bundle_ends_with_one_line(store: HttpStub, tmp_path: Path) -> None:
    environment = {
        "HANDLER_DIR": str(ROOT / "functions/infer_fan"),
        "LISTEN_PORT": str(port := free_port()),
        "FANWATCH_ENGINE": "litert",
        "FANWATCH_BUNDLE": store.url + PLACE,
        "FANWATCH_BUNDLE_SHA256": "ab" * 32,
        "FANWATCH_BUNDLE_CACHE": str(tmp_path / "cache"),
    }
    server = Server("function_server", port, tmp_path / "log", environment, tmp_path)
    try:
        assert server.process.wait(60) == 1
        (line,) = server.output().splitlines()
        assert line.startswith(
            f"The function cannot start: {store.url}{PLACE}/model.json has SHA-256 {DIGEST}"
        )
    finally:
        server.kill()
