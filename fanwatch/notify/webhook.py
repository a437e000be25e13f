"""Tells people of an episode, once: FANWATCH_WEBHOOK_URL gets a POST for each, and one more where a fan has stopped
whose alarm somebody had acknowledged. Where most of the fleet stops or falls silent at once, it is one for all of them.

It happens on a thread of its own, so that no run waits for it. What was told is remembered in measurement
`forecast_told`, once the other side has said so; what was not is tried again by the runs of a day. Between the other
side's answer and the store's lies a moment in which this process may die: then it is told a second time, under the same
Idempotency-Key.
"""

import queue
import threading
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
import requests

from fanwatch.errors import FanwatchError, SettingsError
from fanwatch.fleet.outage import LEAST
from fanwatch.logs import Log
from fanwatch.messages.alarm import EPISODES, Alarm
from fanwatch.notify.outages import Many, many
from fanwatch.proxies import no_answer, session_to
from fanwatch.settings import ForecastSettings, secret
from fanwatch.store import forecast_runs
from fanwatch.store.checkpoints import Row
from fanwatch.store.influx import Store, point

_TRIED_FOR_MS = 24 * 3_600_000
_WAITS_S = (1.0, 5.0, 15.0)
"""Between the attempts of one run; the next run begins anew."""
_QUEUED = 1000
_STOPPED = "stopped"
"""Behind the episode's name, of what is told once more."""


class _Telling(NamedTuple):
    """One message."""

    key: str
    about: Alarm | Many
    told: dict[str, str]
    """What is told by it: by key, the fan."""


class Webhook:
    """Give it the fleet after each run: `tell`."""

    def __init__(self, settings: ForecastSettings, store: Store, log: Log) -> None:
        """SettingsError for an address that is none."""
        self.url = secret(settings.webhook_url_file, "FANWATCH_WEBHOOK_URL_FILE") or settings.webhook_url
        """Where people are told; None: nowhere."""
        if self.url and not self.url.startswith(("http://", "https://")):
            raise SettingsError("FANWATCH_WEBHOOK_URL is no address such as https://example.com/alarms.")
        self._timeout_s = settings.webhook_timeout
        self._session = session_to(self.url or "")
        self._store, self._log = store, log
        self._queue: queue.Queue[_Telling] = queue.Queue(_QUEUED)
        self.waiting: set[str] = set()
        """Keys of what is still to be sent."""
        self._thread: threading.Thread | None = None

    def tell(self, fleet: Iterable[Row], now_ms: int, scored: Mapping[str, int] | None = None) -> None:
        """Has those episodes told that are open, began to be known within a day, and were not told yet.

        None that somebody has acknowledged or snoozed: one is told once its snooze is over, if the day is not.
        `scored` is up to when each fan's readings were scored, in ms.
        """
        if not self.url:
            return
        fleet = list(fleet)
        fresh = [
            (f"{row.alarm.episode} {_STOPPED}" if row.note.lapsed else row.alarm.episode, row.alarm)
            for row in fleet
            if row.alarm is not None
            and row.alarm.state in EPISODES
            and now_ms - row.note.opened_ms < _TRIED_FOR_MS
            and not row.alarm.in_hand(now_ms)
        ]
        if not fresh:
            return
        told = forecast_runs.told(self._store, now_ms - 2 * _TRIED_FOR_MS) | self.waiting
        fresh = [(key, alarm) for key, alarm in fresh if key not in told]
        most = many(fleet, scored or {}, now_ms)
        if most is not None and most.key not in told:
            members = {alarm.episode for alarm in most.alarms}
            together = {key: alarm.deviceID for key, alarm in fresh if alarm.episode in members}
            # One that comes after the others have been told is told by itself.
            if len(together) >= LEAST:
                self._enqueue(_Telling(most.key, most, {most.key: "", **together}))
                fresh = [(key, alarm) for key, alarm in fresh if key not in together]
        for key, alarm in fresh:
            self._enqueue(_Telling(key, alarm, {key: alarm.deviceID}))

    def _enqueue(self, telling: _Telling) -> None:
        try:
            self._queue.put_nowait(telling)
        except queue.Full:
            return  # the next run tries again
        self.waiting |= telling.told.keys()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="webhook", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            telling = self._queue.get()
            try:
                self._try(telling)
            except FanwatchError as error:
                self._log.warning("webhook told, but not noted", episode=telling.key, error=str(error))
            finally:
                self.waiting -= telling.told.keys()

    def _try(self, telling: _Telling) -> None:
        for wait_s in (*_WAITS_S, None):
            error = self.post(telling.key, telling.about)
            if error is None:
                self._note(telling)
                self._log.info("webhook told", episode=telling.key)
                return
            if wait_s is not None:
                time.sleep(wait_s)
        self._log.warning("webhook failed, the next run tries again", episode=telling.key, error=error)

    def post(self, key: str, about: Alarm | Many) -> str | None:
        """Sends one message; what went wrong, but never the address, which may be a secret."""
        content = about.content() if isinstance(about, Many) else _content(about)
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        try:
            # A redirect is not followed: it would make a GET of the POST, and take the page it gets for a success.
            with self._session.post(
                str(self.url),
                msgspec.json.encode(content),
                headers=headers,
                timeout=self._timeout_s,
                allow_redirects=False,
                stream=True,
            ) as answer:
                code = answer.status_code
        except (requests.RequestException, ValueError) as error:
            return f"it gave no answer ({no_answer(error)})"
        if code < 300:
            return None
        moved = ", a redirect, which is not followed: set FANWATCH_WEBHOOK_URL to where it leads"
        return f"it answered {code}{moved if code < 400 else ''}"

    def _note(self, telling: _Telling) -> None:
        points = [
            point(forecast_runs.TOLD, {"deviceID": device} if device else {}, {"episode": key}, None)
            for key, device in telling.told.items()
        ]
        for wait_s in (*_WAITS_S, None):
            try:
                self._store.write(points)
                return
            except FanwatchError:
                if wait_s is None:
                    raise
                time.sleep(wait_s)


def _content(alarm: Alarm) -> dict[str, object]:
    text = f"{alarm.deviceID}: {alarm.state}. {alarm.why}"
    return {"text": text, **msgspec.to_builtins(alarm)}
