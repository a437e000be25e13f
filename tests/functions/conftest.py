"""score-fan behind the official template's calling convention, with a real broker and a gateway that tests can hurt."""

import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.flask_template import app, import_handler
from tests.support.http_stub import HttpStub, Reply, Request
from tests.support.mosquitto import Mosquitto

INFER_TIMEOUT_S = 2.0


class Score:
    """`post` calls it; behind `gateway` is infer-fan's own handler until a test replaces `gateway.answer`."""

    def __init__(self, broker: Mosquitto, gateway: HttpStub, handler: ModuleType) -> None:
        self.broker = broker
        self.gateway = gateway
        self.handler = handler
        self._client = app(handler.handle).test_client()

    def post(
        self, body: bytes | dict[str, Any], topic: str | None = None, kind: str | None = None
    ) -> TestResponse:
        """One request; whatever comes of it is marked as score-fan's own verdict."""
        headers = {
            name: value for name, value in (("X-Topic", topic), ("Content-Type", kind)) if value is not None
        }
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self._client.post("/", data=data, headers=headers)
        assert answer.headers["X-Fanwatch-Verdict"] == "1"
        return answer


@pytest.fixture(scope="session")
def _score(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Score]:
    # Its counters belong to the process, so it is imported once, with one broker and one gateway.
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    gateway = HttpStub()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FANWATCH_BROKER_PORT", str(broker.port))
        patch.setenv("FANWATCH_BROKER_TIMEOUT", "5")
        patch.setenv("FANWATCH_GATEWAY_URL", gateway.url)
        patch.setenv("FANWATCH_INFER_FUNCTION", "infer-fan-lite")
        patch.setenv("FANWATCH_INFER_TIMEOUT", str(INFER_TIMEOUT_S))
        handler = import_handler("score_fan")
        handler.warm()
        handler.gateway()
    yield Score(broker, gateway, handler)
    handler.gateway().close()
    handler.publisher().stop()
    gateway.close()
    broker.kill()


@pytest.fixture(scope="session")
def _infer() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FANWATCH_ENGINE", "litert")
        return app(import_handler("infer_fan").handle).test_client()


@pytest.fixture
def score(_score: Score, _infer: Any) -> Score:
    """score-fan with everything it needs."""

    def answer(request: Request) -> Reply:
        assert request.path == "/function/infer-fan-lite"
        answered = _infer.post("/", data=request.body)
        return Reply(answered.status_code, answered.data)

    _score.gateway.answer = answer
    _score.gateway.requests.clear()
    return _score
