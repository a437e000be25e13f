"""stack.yml on OpenFaaS's Community Edition: no function is refused, and each connector finds what it calls."""

import re
from collections.abc import Mapping

import pytest

from fanwatch.messages import topics
from local import stack as stacks
from tests.support.community import MOST_FUNCTIONS, refusals
from tests.support.servers import ROOT

TWO = "fan/messages,fan/+/messages"


def settings(runtime: str) -> dict[str, str]:
    """What a runtime exports for faas-cli."""
    if runtime == "k3s":
        text = (ROOT / "infra/k3s/base/site.env").read_text(encoding="utf-8")
        return dict(re.findall(r"^(\w+)=(.*)$", text, re.M))
    # install.sh writes them into faas-cli.env.
    text = (ROOT / "infra/faasd/install/options.sh").read_text(encoding="utf-8")
    found = dict(re.findall(r"^ *exported (\w+) ([^$\s]+)$", text, re.M))
    assert found["FANWATCH_BROKER_HOST"] == "mosquitto"
    return found


@pytest.mark.parametrize("runtime", ["k3s", "faasd"])
def test_no_function_is_refused(runtime: str) -> None:
    functions = stacks.read(ROOT / "stack.yml", settings(runtime)).functions
    assert 0 < len(functions) <= MOST_FUNCTIONS
    for name, function in functions.items():
        assert refusals(name, function.labels, function.annotations) == []


@pytest.mark.parametrize(
    ("labels", "annotations"),
    [
        ({}, {"topic": TWO}),
        ({}, {"eks.amazonaws.com/role-arn": "x"}),
        ({}, {"cloud.gke.io/x": "x"}),
        ({"com.openfaas.scale.zero": "true"}, {}),
        ({"com.openfaas.scale.zero-duration": "5m"}, {}),
        ({"com.openfaas.scale.target": "10"}, {}),
        ({"com.openfaas.scale.type": "rps"}, {}),
        ({"com.openfaas.scale.max": "6"}, {}),
        ({"com.openfaas.scale.min": "6"}, {}),
        ({"topics": TWO}, {}),
        ({}, {"a/b/c": "x"}),
    ],
)
def test_what_is_refused_is_known(labels: Mapping[str, str], annotations: Mapping[str, str]) -> None:
    assert refusals("score-fan", {}, {}) == []
    assert len(refusals("score-fan", labels, annotations)) == 1


def test_each_connector_finds_the_topics_that_it_brings() -> None:
    annotations = stacks.read(ROOT / "stack.yml", {}).functions["score-fan"].annotations
    # Both of ours: whatever the broker queues for it, and nobody takes, would stop it in the end.
    assert topics.annotated(annotations) == list(topics.EVERY_READING)
    # OpenFaaS's own compares the text with the topic of the message, by which it was started.
    stock = (ROOT / "connectors/openfaas/faasd.yaml").read_text(encoding="utf-8")
    assert re.findall(r"-topic (\S+)", stock) == [annotations["topic"]]


def test_our_annotation_comes_before_openfaass() -> None:
    assert topics.annotated({"fanwatch.topics": " a , b,", "topic": "c"}) == ["a", "b"]
    assert topics.annotated({"topic": "c,d"}) == ["c", "d"]
    assert topics.annotated({"topic": "cron-function"}) == []
    assert topics.annotated({}) == []
