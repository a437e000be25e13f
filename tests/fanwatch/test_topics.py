"""Topics: MQTT's matching, and what must never be subscribed to."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from fanwatch.messages import topics

level = st.sampled_from(["", "fan", "a", "messages", "anomaly", "alarm", "dead-letter", "$SYS"])
topic_names = st.lists(level, min_size=1, max_size=5).map("/".join)
filter_names = st.tuples(
    st.lists(level | st.just("+"), min_size=1, max_size=5), st.sampled_from([[], ["#"]])
).map(lambda parts: "/".join(parts[0] + parts[1]))


@settings(max_examples=500)
@given(filter_names | st.just("#"), topic_names)
def test_matching_agrees_with_paho(pattern: str, topic: str) -> None:
    # paho lets `+` match a first level that begins with $; MQTT 4.7.2 does not.
    assume(not (topic.startswith("$") and pattern.startswith(("+", "#"))))
    assert topics.matches(pattern, topic) == topic_matches_sub(pattern, topic)


@pytest.mark.parametrize("pattern", ["#", "+/messages", "+/#"])
def test_wildcards_do_not_match_the_brokers_own_topics(pattern: str) -> None:
    assert not topics.matches(pattern, "$SYS/messages")


def test_devices_of_topics() -> None:
    assert topics.device_of("fan/fan-07/messages") == "fan-07"
    for other in ("fan/messages", "fan/a/b/messages", "fan/a/alarm", "van/a/messages", ""):
        assert topics.device_of(other) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "#", "fan/#", "fan/anomaly", "fan/anomaly/#", "fan/+", "+/anomaly", "+/+", "+/#", "fan/+/alarm",
        "fan/fan-07/alarm", "fan/messages/#",
        "fan/+/+", "+/fan-07/+", "fan/fan-07/#", "dead-letter/#", "dead-letter", "dead-letter/fan/messages",
        "dead-letter/other", "+/fan/messages", "+/messages", "+/x/y/z", "+",
    ],
)  # fmt: skip
def test_what_we_publish_is_not_subscribed_to(pattern: str) -> None:
    assert topics.feeds_back(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["fan/messages", "fan/+/messages", "fan/+/messages/#", "other/#", "other/+/alarm", "fan/+/alarm/x", "fan",
     "fan/alarm", "fan//messages"],
)  # fmt: skip
def test_what_others_publish_may_be(pattern: str) -> None:
    assert not topics.feeds_back(pattern)


@settings(max_examples=500)
@given(filter_names, topic_names)
def test_a_filter_that_receives_what_we_publish_is_always_found(pattern: str, topic: str) -> None:
    ours = ["fan/anomaly", f"fan/{topic.split('/')[0]}/alarm", topics.dead_letter(topic)]
    if any(topics.matches(pattern, own) for own in ours):
        assert topics.feeds_back(pattern)


@pytest.mark.parametrize("pattern", ["fan/messages", "+", "#", "fan/+/#", "/", "fan/ü", "$SYS/#"])
def test_valid_filters(pattern: str) -> None:
    assert topics.is_valid_filter(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["", "a#", "#/a", "a/#/b", "fan+", "a/b+/c", "a\0b", "x" * 65_536, "ü" * 33_000, "$share/g/fan/messages"],
)
def test_invalid_filters(pattern: str) -> None:
    assert not topics.is_valid_filter(pattern)


def test_dead_letters_lie_outside_what_is_scored() -> None:
    assert topics.dead_letter("fan/messages") == "dead-letter/fan/messages"
    assert topics.feeds_back(topics.dead_letter("fan/a/messages"))


@pytest.mark.parametrize("topic", ["fan/" + "x" * 65_522 + "/messages", "fan/" + "ü" * 32_765])
def test_a_dead_letter_of_the_longest_topic_can_be_published(topic: str) -> None:
    assert 65_530 < len(topics.dead_letter(topic).encode()) <= 65_535
