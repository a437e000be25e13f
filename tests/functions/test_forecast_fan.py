"""forecast-fan's handler with the committed bundle: behind the official template's convention, and as a process."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from fanwatch.errors import BundleError, FanwatchError
from fanwatch.forecast.windows import NAMES
from fanwatch.forecast_service.model_source import chosen
from fanwatch.messages.timestamps import format_ms
from fanwatch.settings import ForecastSettings
from local import stack
from tests.support.flask_template import ROOT, app, import_handler
from tests.support.http_stub import HttpStub, Reply, Request
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port
from tests.support.servers import Server
from tests.support.wait import until
from tests.support.watched import Watched, failing


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Influx, Mosquitto]]:
    influx, broker = (
        Influx(tmp_path_factory.mktemp("influx")),
        Mosquitto(tmp_path_factory.mktemp("mosquitto")),
    )
    yield influx, broker
    broker.kill()
    influx.kill()


@pytest.fixture
def watched(parts: tuple[Influx, Mosquitto], monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """A fleet with one fan that wears; its own service, with the box rule, does nothing here."""
    made = Watched(*parts, monkeypatch, ago=80)
    made.write("bad", 0, 76, failing(30, 80, 100))
    made.write("good", 0, 76)
    made.tick(76)
    yield made
    made.close()


def pinned() -> dict[str, str]:
    """What stack.yml sets of the bundle."""
    environment = stack.read(ROOT / "stack.yml", {}).functions["forecast-fan"].environment
    return {name: value for name, value in environment.items() if "BUNDLE" in name}


def test_a_run_and_a_command_behind_the_official_template(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in pinned().items():
        monkeypatch.setenv(name, value)
    handler = import_handler("forecast_fan")
    client = app(handler.handle).test_client()
    answer = client.post("/")
    assert answer.status_code == 200, answer.data
    assert (answer.json or {})["fans"] == 3
    with watched.listener() as listener:
        until(lambda: listener.states("bad") and listener.states("good"), 10, "their alarms")
        bad, good = listener.of("bad")[-1], listener.of("good")[-1]
    assert bad.state in ("warning", "alarm"), bad
    assert good.state == "ok", good
    command = {"episode": bad.episode, "action": "acknowledge", "by": "Control room"}
    answer = client.post("/", data=json.dumps(command))
    assert (answer.status_code, (answer.json or {})["acknowledgedBy"]) == (200, "Control room")
    unknown = command | {"episode": f"{bad.deviceID}/{format_ms(0)}"}
    assert client.post("/", data=json.dumps(unknown)).status_code == 404
    handler.close()


def test_as_a_process(watched: Watched, tmp_path: Path) -> None:
    port = free_port()
    environment = {
        **watched.environment, **pinned(), "LISTEN_PORT": str(port), "exec_timeout": "60s",
        "HANDLER_DIR": str(ROOT / "functions/forecast_fan"),
    }  # fmt: skip
    server = Server("function_server", port, tmp_path / "log", environment, ROOT)
    try:
        server.wait_for("/_/ready")
        answer = server.call("POST", "/")
        assert (answer.status, json.loads(answer.body)["fans"]) == (200, 3), answer.body
        page = server.call("GET", "/metrics").body.decode()
        assert 'fanwatch_forecast_runs_total{outcome="done"} 1.0' in page
        assert "fanwatch_forecast_fans 3.0" in page
        assert server.stop()[0] == 0
    finally:
        server.kill()


def test_a_bundle_of_the_model_store_forecasts_as_the_same_one_in_the_image(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply:
        path = ROOT / "models" / request.path.removeprefix("/")
        return Reply(body=path.read_bytes()) if path.is_file() else Reply(404)

    model, pin = pinned()["FANWATCH_FORECAST_BUNDLE"], pinned()["FANWATCH_FORECAST_BUNDLE_SHA256"]
    store = HttpStub(answer)
    try:
        place = f"{store.url}/{model.removeprefix('models/')}"
        settings = ForecastSettings(
            forecast_bundle=place, forecast_bundle_sha256=pin, bundle_cache=str(tmp_path / "cache")
        )
        features = np.random.default_rng(1).normal(size=(8, len(NAMES))).astype(np.float32)
        here = chosen(ForecastSettings(forecast_bundle=model, forecast_bundle_sha256=pin)).score(features)
        for expected, found in zip(here, chosen(settings).score(features), strict=True):
            assert np.array_equal(expected, found)
        for changes, wrong in (
            ({"forecast_bundle": f"{store.url}/fan-forecast/9999"}, "correct FANWATCH_FORECAST_BUNDLE"),
            ({"forecast_bundle_sha256": None}, "needs FANWATCH_FORECAST_BUNDLE_SHA256"),
        ):
            with pytest.raises(FanwatchError, match=wrong):
                chosen(msgspec.structs.replace(settings, **changes, bundle_cache=str(tmp_path / "other")))
    finally:
        store.close()


def test_another_bundle_than_the_pinned_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANWATCH_FORECAST_BUNDLE_SHA256", "0" * 64)
    with pytest.raises(BundleError, match="pinned"):
        import_handler("forecast_fan")
