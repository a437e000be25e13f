"""Fans without a place: those for which there is no room, and what was said of those that have gone."""

from typing import Final

from fanwatch.messages.alarm import EPISODES, Alarm

MOST_COUNTED: Final = 20_000
"""Fans beyond the room that are told apart; where there are as many, there may be more."""


class Absent:
    """Bounded, whatever comes."""

    def __init__(self, most: int) -> None:
        """`most` alarms are kept for when their fans have a place, and as many again of open episodes."""
        self._most = most
        self.heard_ms: dict[str, int] = {}
        """When a fan was heard last for which there is no room."""
        self.alarms: dict[str, Alarm] = {}

    def turn_away(self, device: str, heard_ms: int) -> None:
        """There is no room for this fan."""
        if device in self.heard_ms or len(self.heard_ms) < MOST_COUNTED:
            self.heard_ms[device] = max(self.heard_ms.get(device, 0), heard_ms)

    def keep(self, alarm: Alarm) -> None:
        """What is known of a fan: it is said once, and a fan that turns up again has it still."""
        most = 2 * self._most if alarm.state in EPISODES else self._most
        if alarm.deviceID in self.alarms or len(self.alarms) < most:
            self.alarms[alarm.deviceID] = alarm

    def leave(self, device: str) -> Alarm | None:
        """The fan is one of these no longer; its alarm, if there is one."""
        self.heard_ms.pop(device, None)
        return self.alarms.pop(device, None)

    def episodes(self) -> list[Alarm]:
        """Open ones: each asks for a place."""
        return [alarm for alarm in self.alarms.values() if alarm.state in EPISODES]

    def expire(self, before_ms: int) -> None:
        """Fans that were not heard since then are missed by nobody, but for those with an open episode."""
        for device, heard_ms in list(self.heard_ms.items()):
            alarm = self.alarms.get(device)
            if heard_ms < before_ms and (alarm is None or alarm.state not in EPISODES):
                del self.heard_ms[device]
