"""What `fanwatch status` says of readings that could not be used."""

import base64
import json
import time
from pathlib import Path

import pytest

from fanwatch.store.influx import point
from local.health import Part, ledger
from local.status_report import Report, as_json, as_text
from tests.support.influx import Influx
from tests.support.ports import free_port


def test_readings_that_could_not_be_used_are_named_with_their_fans(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    influx = Influx(tmp_path)
    request.addfinalizer(influx.kill)
    environment = {"FANWATCH_INFLUX_URL": influx.store.url, "FANWATCH_CONNECTOR_PORT": str(free_port())}

    def status() -> Report:
        return Report(True, True, [Part("connector", "ok")], ledger(environment, store_answers=True))

    assert "could not be used" not in as_text(status())
    for fan in ("fan-03", "fan-07"):
        payload = base64.b64encode(json.dumps({"rotation": 592, "temperature": None}).encode()).decode()
        fields = {"id": fan, "reason": "json", "payload": payload}
        influx.store.write([point("dead_letter", {"deviceID": fan}, fields, time.time_ns())])
    said = (
        "2 readings of the last 15 minutes could not be used: no JSON (fan-03, fan-07). "
        "`fanwatch dead-letters list` shows them.\n"
    )
    assert as_text(status()).endswith(said)
    found = json.loads(as_json(status()))["ledger"]["unused"]
    assert (found["count"], found["why"]) == (2, {"no JSON": ["fan-03", "fan-07"]})
