"""What callers and tools rely on of any OpenFaaS gateway."""

import json

from tests.openfaas.given import Given
from tests.openfaas.place import ROW, UNTIMED, Place
from tests.support.ledger import reading
from tests.support.wait import until

NAME = "fanwatch-conformance"


def test_functions_are_listed_with_their_annotations(place: Place) -> None:
    listed = place.functions()
    assert {"score-fan", place.infer} <= listed.keys()
    score = listed["score-fan"]
    assert score["annotations"] == {
        "fanwatch.topics": place.topics,
        "topic": "fan/messages",
        "fanwatch.batch": "256",
    }
    assert score["labels"]["com.openfaas.scale.max"] == "5"  # type: ignore[index]
    assert score["replicas"] == 1
    one = place.ask("GET", "/system/function/score-fan").json()
    assert (one["name"], one["availableReplicas"]) == ("score-fan", 1)
    assert place.ask("GET", "/system/function/nothing-of-the-kind").status_code == 404


def test_the_system_api_asks_for_credentials_and_functions_do_not(place: Place) -> None:
    for path in ("/system/functions", "/system/info"):
        assert place.ask("GET", path, authorized=False).status_code == 401
    assert place.ask("GET", "/healthz", authorized=False).status_code == 200
    assert place.ask("GET", "/system/info").json()["provider"]["orchestration"]
    answer = place.call("score-fan", UNTIMED)
    assert answer.status_code == 200, answer.text


def test_a_reading_is_scored_with_and_without_the_namespace(place: Place) -> None:
    namespace = place.functions()["score-fan"].get("namespace", "openfaas-fn")
    for name in ("score-fan", f"score-fan.{namespace}"):
        answer = place.call(name, reading("a", 1_700_000_000_250))
        assert answer.status_code == 200, answer.text
        result = answer.json()
        assert (result["deviceID"], result["timeStamp"]) == ("a", "2023-11-14T22:13:20.250Z")
        assert result["fault"] in (0, 1)
    assert place.call("no-such-function", b"{}").status_code == 404


def test_headers_and_status_of_a_function_reach_the_caller(place: Place) -> None:
    refused = place.call("score-fan", b'{"deviceID": 7}')
    assert refused.status_code == 400
    assert refused.json()["field"] == "deviceID"
    assert refused.headers["X-Fanwatch-Verdict"] == "1"
    lines = place.call("score-fan", UNTIMED + b"\nnot JSON\n", Content_Type="application/x-ndjson")
    assert [json.loads(line)["status"] for line in lines.text.splitlines()] == [200, 400]


def test_a_chunked_body_arrives_whole(place: Place) -> None:
    rows = json.dumps({"params": [[592, 41.2, 160.4, 47.9]] * 3000}).encode()
    pieces = (rows[start : start + 10_000] for start in range(0, len(rows), 10_000))
    answer = place.ask("POST", f"/function/{place.infer}", authorized=False, data=pieces)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()) == 3000


def test_deploy_update_and_remove(given: Given) -> None:
    try:
        given.deploy(given.description(given.infer, service=NAME, annotations={"a": "1"}))
        given.answering(NAME, ROW)
        assert given.functions()[NAME]["annotations"] == {"a": "1"}
        given.deploy(given.description(given.infer, service=NAME, annotations={"a": "2"}))
        until(lambda: given.functions()[NAME]["annotations"] == {"a": "2"}, 30, "the update")
        given.answering(NAME, ROW)
    finally:
        given.remove(NAME)
    assert given.call(NAME, ROW).status_code == 404
