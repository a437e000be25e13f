"""Set-up of InfluxDB: a real 1.8; for 2.x a stub that answers as its API is documented."""

import json
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fanwatch.errors import FanwatchError, SettingsError, Unavailable
from fanwatch.settings import HistorySettings, ReadingSettings
from history import policies
from history.setup import setup
from tests.support.http_stub import HttpStub, Reply, Request
from tests.support.influx import ROOT, Influx
from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.wait import until

_FILE = ROOT / "infra/influxdb/policies.yaml"


def kept(influx: Influx) -> dict[str, tuple[str, str, bool]]:
    rows = influx.store.execute('SHOW RETENTION POLICIES ON "fanwatch"')
    return {row["name"]: (row["duration"], row["shardGroupDuration"], row["default"]) for row in rows}


def test_1_8_is_set_up_once_and_altered_when_settings_change(influx: Influx) -> None:
    # 30 and 730 days, and their margins.
    as_the_file_says = {"raw": ("768h0m0s", "24h0m0s", True), "means": ("17544h0m0s", "672h0m0s", False)}
    assert kept(influx) == as_the_file_says
    assert influx.set_up() == []
    influx.store.write(["telemetry,deviceID=fan-01 rotation=1"])
    changes = {"FANWATCH_RAW_RETENTION": "12h", "FANWATCH_MEANS_RETENTION": "20d"}
    assert influx.set_up(**changes) == ["altered policy raw: 60 h", "altered policy means: 504 h"]
    assert kept(influx) == {"raw": ("60h0m0s", "24h0m0s", True), "means": ("504h0m0s", "504h0m0s", False)}
    assert influx.set_up(**changes) == []
    assert influx.store.count("telemetry", "rotation") == 1
    assert influx.set_up() == ["altered policy raw: 768 h", "altered policy means: 17544 h"]
    assert kept(influx) == as_the_file_says


def test_a_database_made_before_there_were_means_gets_them(influx: Influx) -> None:
    influx.store.execute('DROP RETENTION POLICY "means" ON "fanwatch"')
    influx.store.execute('CREATE RETENTION POLICY "other" ON "fanwatch" DURATION 48h REPLICATION 1 DEFAULT')
    assert influx.set_up() == ["altered policy raw: 768 h", "made policy means: 17544 h"]
    assert kept(influx)["raw"][2]


def test_another_database_by_another_name(influx: Influx) -> None:
    name = 'odd "name"'
    done = influx.set_up(FANWATCH_INFLUX_DATABASE=name)
    assert done == [f"made database {name}", "made policy means: 17544 h"]
    assert influx.set_up(FANWATCH_INFLUX_DATABASE=name) == []


def test_the_file_agrees_with_the_settings() -> None:
    found = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    assert found["raw"]["keep"] == ReadingSettings().raw_retention
    assert found["means"]["keep"] == HistorySettings().means_retention


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("raw: {keep: 30d, margin: 1d, shard: 1d}", "means is missing"),
        ("raw: [", "while parsing"),
        ("raw: {keep: 30d, margin: 1d, shard: 1d, more: 1}\nmeans: {}", "raw.more is not known here"),
        ("raw: {keep: 30, margin: 1d, shard: 1d}\nmeans: {}", "raw.keep must be text, not a whole number"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "policies.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        policies.read({"FANWATCH_POLICIES": str(path)})
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_raw_points_are_not_kept_for_less_than_readings_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "policies.yaml"
    path.write_text(_FILE.read_text(encoding="utf-8").replace("keep: 30d", "keep: 10d"), encoding="utf-8")
    with pytest.raises(SettingsError, match="readings of the last 30d are accepted"):
        policies.read({"FANWATCH_POLICIES": str(path)})
    shorter = policies.read({"FANWATCH_POLICIES": str(path), "FANWATCH_RAW_RETENTION": "10d"})
    assert shorter["raw"].keep_ms == 12 * 86_400_000


def test_the_command_says_what_it_did_and_what_is_wrong(influx: Influx) -> None:
    def run(**settings: str) -> subprocess.CompletedProcess[str]:
        environment = {"PYTHONPATH": str(ROOT), "FANWATCH_INFLUX_URL": influx.store.url} | settings
        return subprocess.run(
            [sys.executable, "-m", "history", "setup"],
            env=environment, capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip

    assert run().stdout == "Nothing to do.\n"
    assert run(FANWATCH_MEANS_RETENTION="365d").stdout == "Altered policy means: 8784 h.\n"
    for setting, said in (("MEANS_RETENTION", "'for ever' is no duration"), ("POLICIES", "cannot be used")):
        done = run(**{f"FANWATCH_{setting}": "for ever"})
        assert done.returncode == 2
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
    away = run(FANWATCH_INFLUX_URL=f"http://127.0.0.1:{free_port()}")
    assert (away.returncode, away.stderr.count("\n")) == (1, 1)
    assert "does not answer" in away.stderr


def test_it_waits_for_an_influxdb_that_starts(tmp_path: Path, influx: Influx) -> None:
    influx.kill()
    argv = [sys.executable, "-m", "history", "setup", "--wait"]
    environment = {"PYTHONPATH": str(ROOT), "FANWATCH_INFLUX_URL": influx.store.url}
    early = Process([*argv, "10m"], tmp_path / "early.log", environment, tmp_path)
    try:
        until(lambda: early.alive() and early.output(), 20, "it to wait")
        influx.start()
        until(lambda: early.process.poll() is not None, 60, "its end")
    finally:
        early.stop()
    waited, *done = early.output().splitlines()
    assert waited.startswith("Waiting 10m at most. InfluxDB at ")
    assert (early.process.returncode, done) == (0, ["Nothing to do."])
    influx.kill()
    vain = Process([*argv, "1s"], tmp_path / "vain.log", environment, tmp_path)
    until(lambda: vain.process.poll() is not None, 60, "its end")
    assert vain.process.returncode == 1
    [_, said] = vain.output().splitlines()
    assert "does not answer" in said


class Api:
    """What 2.x documents of organizations, buckets and mappings, as far as the set-up calls it."""

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, Any]] = {}
        self.mappings: list[dict[str, Any]] = []
        self.version = "v2.7.12"
        self.changes = 0

    def answer(self, request: Request) -> Reply:
        path, _, text = request.path.partition("?")
        query = dict(urllib.parse.parse_qsl(text))
        if path == "/ping":
            return Reply(204, headers={"X-Influxdb-Version": self.version})
        if path == "/api/v2/setup":
            return Reply(200, b'{"allowed": false}')
        if request.headers.get("Authorization") != "Token s3cret":
            return Reply(401, b'{"code":"unauthorized","message":"unauthorized access"}')
        content = json.loads(request.body or b"null")
        if request.method != "GET":
            self.changes += 1
        status, answer = self._content(request.method, path.removeprefix("/api/v2/"), query, content)
        return Reply(status, json.dumps(answer).encode())

    def _content(self, method: str, path: str, query: dict[str, str], content: Any) -> tuple[int, Any]:
        match method, path.split("/"):
            case "GET", ["orgs"]:
                return 200, {"orgs": [{"id": "0f", "name": "edge"}] if query["org"] == "edge" else []}
            case "GET", ["buckets"]:
                return 200, {
                    "buckets": [row for row in self.buckets.values() if row["name"] == query["name"]]
                }
            case "POST", ["buckets"]:
                made = content | {"id": f"b{len(self.buckets)}"}
                self.buckets[made["id"]] = made
                return 201, made
            case "PATCH", ["buckets", name]:
                self.buckets[name] |= content
                return 200, self.buckets[name]
            case "GET", ["dbrps"]:
                return 200, {"content": [row for row in self.mappings if row["database"] == query["db"]]}
            case "POST", ["dbrps"]:
                self.mappings.append(content | {"id": f"m{len(self.mappings)}"})
                return 201, self.mappings[-1]
            case "PATCH", ["dbrps", name]:
                (row,) = (row for row in self.mappings if row["id"] == name)
                row |= content
                return 200, {"content": row}
        return 404, {"code": "not found", "message": f"{method} {path}"}


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def v2(tmp_path: Path, api: Api) -> Iterator[dict[str, str]]:
    """Settings that name the stub."""
    token = tmp_path / "token"
    token.write_text("s3cret\n", encoding="ascii")
    stub = HttpStub(api.answer)
    yield {
        "FANWATCH_INFLUX_URL": stub.url,
        "FANWATCH_INFLUX_ORG": "edge",
        "FANWATCH_INFLUX_TOKEN_FILE": str(token),
    }
    stub.close()


def test_2_x_gets_buckets_and_mappings(api: Api, v2: dict[str, str]) -> None:
    assert setup(v2) == [
        "made bucket fanwatch/raw: 768 h", "mapped fanwatch.raw",
        "made bucket fanwatch/means: 17544 h", "mapped fanwatch.means",
    ]  # fmt: skip
    expire = {row["name"]: row["retentionRules"] for row in api.buckets.values()}
    assert expire == {
        "fanwatch/raw": [{"type": "expire", "everySeconds": 32 * 86_400}],
        "fanwatch/means": [{"type": "expire", "everySeconds": 731 * 86_400}],
    }
    mapped = [
        (row["database"], row["retention_policy"], row["bucketID"], row["default"]) for row in api.mappings
    ]
    assert mapped == [("fanwatch", "raw", "b0", True), ("fanwatch", "means", "b1", False)]
    changes = api.changes
    assert setup(v2) == []
    assert api.changes == changes
    assert setup(v2 | {"FANWATCH_RAW_RETENTION": "10d"}) == ["altered bucket fanwatch/raw: 288 h"]


def test_2_x_mappings_that_are_there_are_kept_or_named(api: Api, v2: dict[str, str]) -> None:
    setup(v2)
    # 2.7 shows a virtual mapping of every bucket with a slash in its name; the next set-up makes a real one.
    api.mappings[0] |= {"virtual": True}
    api.mappings[1] |= {"default": True}
    assert setup(v2) == ["mapped fanwatch.raw", "altered mapping fanwatch.means"]
    api.mappings[1] |= {"bucketID": "other"}
    with pytest.raises(FanwatchError, match=r"fanwatch\.means is mapped to bucket other"):
        setup(v2)


def test_a_2_x_that_go_has_built_says_no_version(api: Api, v2: dict[str, str]) -> None:
    api.version = "dev"
    assert len(setup(v2)) == 4


def test_what_2_x_lacks_is_said(api: Api, v2: dict[str, str], tmp_path: Path) -> None:
    for change, said in (
        ({"FANWATCH_INFLUX_ORG": ""}, "set FANWATCH_INFLUX_ORG"),
        ({"FANWATCH_INFLUX_ORG": "elsewhere"}, "no organization 'elsewhere'"),
        ({"FANWATCH_INFLUX_TOKEN_FILE": ""}, "unauthorized access"),
    ):
        with pytest.raises(FanwatchError, match=said):
            setup(v2 | change)
    api.version = "3.0.1"
    with pytest.raises(FanwatchError, match=r"is 3\.0\.1; .* knows 1\.8 and 2\.x"):
        setup(v2)
    with pytest.raises(Unavailable):
        setup({"FANWATCH_INFLUX_URL": f"http://127.0.0.1:{free_port()}"})
