"""Readings through the gateway: none is lost, whatever is killed on the way."""

import itertools
from collections.abc import Callable

import pytest

from tests.openfaas.place import Place
from tests.support.ledger import Fans, Sent
from tests.support.wait import until

RATE = 150.0


def hit(place: Place, prefix: str, blow: Callable[[], None], what: str) -> None:
    """Readings flow, and after a third of them `blow` comes; zero loss."""
    before = len(place.source.published)
    with place.source.flowing(Fans(prefix), RATE, place.readings):
        until(lambda: len(place.source.published) >= before + place.readings // 3, 30, "readings to flow")
        blow()
    counts = place.identity()
    assert counts.lost == 0
    times = sorted(at for (device, _), at in place.witness.first_at.items() if device.startswith(prefix))
    pause_s = max(later - sooner for sooner, later in itertools.pairwise(times))
    print(f"\n{what}: {len(times)} readings, 0 lost, at most {pause_s:.1f} s without a result")


def test_readings_become_results_in_batches(place: Place) -> None:
    calls, scored = place.metric("calls_total"), place.metric("scored_total")
    made = Fans("plain").make(2000)
    [bad, strange] = Fans("bad", 2).make(2)
    place.source.put(
        [*made[:1000], Sent(bad.key, bad.topic, bad.payload.replace(b"592.0", b'"fast"')), *made[1000:]]
    )
    # Readable, but of another device than the topic says.
    place.source.put([Sent(strange.key, "fan/other/messages", strange.payload)])
    place.dead |= {bad.key, strange.key}
    place.identity()
    assert {letter["reason"] for letter in place.witness.letters} == {"field", "topic"}
    assert place.metric("scored_total") - scored == 2000
    assert place.metric("calls_total") - calls < 500, "they went in batches"


def test_a_new_topic_in_an_annotation_is_subscribed(place: Place) -> None:
    [sent] = Fans("elsewhere", 1).make(1)
    place.redeploy("score-fan", topics=f"{place.topics},site/+/messages")
    # The broker has nobody to give it to until the connector has seen the annotation.
    until(lambda: _heard(place, sent), 30, "the connector to subscribe")
    until(
        lambda: place.witness.letters[-1]["topic"] == "site/a/messages",
        30,
        "score-fan's refusal of the topic",
    )
    place.dead.add(sent.key)
    place.identity()


def _heard(place: Place, sent: Sent) -> bool:
    place.source.unheard.discard(sent.key)
    place.source.put([Sent(sent.key, "site/a/messages", sent.payload)])
    place.source.confirm()
    return sent.key not in place.source.unheard


@pytest.mark.parametrize("function", ["score-fan", "the one that decides"])
def test_a_killed_function_loses_nothing(place: Place, function: str) -> None:
    name = function if function == "score-fan" else place.infer
    hit(place, f"kill{len(name)}", lambda: place.kill(name), f"{name} killed")


def test_a_restart_of_the_provider_loses_nothing(place: Place) -> None:
    hit(place, "provider", place.restart_provider, "provider restarted")


@pytest.mark.parametrize("function", ["score-fan", "the one that decides"])
def test_an_update_of_a_function_loses_nothing(place: Place, function: str) -> None:
    name = function if function == "score-fan" else place.infer
    hit(
        place,
        f"update{len(name)}",
        lambda: place.redeploy(name, environment={"MARK": "1"}),
        f"{name} updated",
    )


def test_a_killed_connector_loses_nothing(place: Place) -> None:
    hit(place, "connector", place.kill_connector, "connector killed")
