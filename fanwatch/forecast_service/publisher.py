"""Publishes alarms, retained, and knows whose the broker may have lost."""

from collections.abc import Iterable, Sequence

from fanwatch.broker import NO_SUBSCRIBER, PUBLISHED, Publisher
from fanwatch.messages.alarm import Alarm, encode_alarm
from fanwatch.messages.topics import alarm as topic_of

_CONNECT_S = 2.0


class Announcer:
    """The one writer of alarms. A broker that it is connected to anew may have forgotten what it retained."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._known = 0
        self._again: set[str] = set()

    def expect(self, fans: Iterable[str]) -> None:
        """Before a run: these fans' alarms are said again where the connection is another than at the last run."""
        self._publisher.wait_connected(_CONNECT_S)
        if self._publisher.connections != self._known:
            self._known = self._publisher.connections
            self._again = set(fans)

    def repeat(self, fans: Iterable[str]) -> None:
        """Has these fans' alarms said again by this run."""
        self._again |= set(fans)

    def wants(self, fan: str) -> bool:
        """Whether a fan's alarm is to be said again, though there is nothing new about it."""
        return fan in self._again

    def say(self, alarms: Sequence[Alarm]) -> dict[str, str]:
        """Publishes and waits for the PUBACKs; returns why not, by fan, for those that the broker has not taken.

        Raises Unavailable where the broker is away: then nothing was published.
        """
        outcomes = self._publisher.publish(
            [(topic_of(alarm.deviceID), encode_alarm(alarm)) for alarm in alarms], retain=True
        )
        return self._failed([alarm.deviceID for alarm in alarms], outcomes)

    def clear(self, fans: Sequence[str]) -> dict[str, str]:
        """Takes the alarms of these fans away, as `say` publishes them."""
        outcomes = self._publisher.publish([(topic_of(fan), b"") for fan in fans], retain=True)
        return self._failed(fans, outcomes)

    def _failed(self, fans: Sequence[str], outcomes: Sequence[str]) -> dict[str, str]:
        failed = {
            fan: outcome
            for fan, outcome in zip(fans, outcomes, strict=True)
            if outcome not in (PUBLISHED, NO_SUBSCRIBER)
        }
        self._again -= set(fans) - failed.keys()
        return failed
