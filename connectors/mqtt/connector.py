"""The connector as a whole: it enters the broker once functions are known, and leaves it while they take nothing."""

import threading
import time

from connectors.mqtt import metrics
from connectors.mqtt.annotations import Directory, filters_of
from connectors.mqtt.dead_letters import Letters
from connectors.mqtt.id_conflict import IdConflict, Listening
from connectors.mqtt.inbox import Inbox
from fanwatch.broker import Subscriber
from fanwatch.errors import FanwatchError
from fanwatch.gateway.client import Gateway
from fanwatch.logs import Log
from fanwatch.settings import BrokerSettings, ConnectorSettings, GatewaySettings
from fanwatch.store.takeovers import said

# As many as the broker is set to send.
_RECEIVE_MAXIMUM = 1000
_FILTERS_A_PACKET = 500
# After which it looks in again although nothing got done: a broker that lost the session throws readings away.
_AWAY_S = 5.0
# Until the broker's log has come.
_LOG_S = 0.5


class Connector:
    """`run` until `stop`; both may be called once."""

    def __init__(
        self, settings: ConnectorSettings, broker: BrokerSettings, gateway: GatewaySettings, log: Log
    ) -> None:
        self._settings = settings
        self._log = log
        self._id_conflict = IdConflict(settings.connector_id, log)
        self._publisher = Listening(
            broker, log, name=f"{settings.connector_id}-letters", conflict=self._id_conflict
        )
        self._letters = Letters(self._publisher, settings.connector_id, log)
        self._inbox = Inbox(
            held=settings.connector_held,
            held_bytes=settings.connector_held_bytes,
            letters=self._letters,
            log=log,
        )
        self._directory = Directory(
            Gateway(gateway, settings.connector_timeout), settings, self._letters.reject, log
        )
        self._subscriber = Subscriber(
            broker,
            log,
            client_id=settings.connector_id,
            session_expiry_s=settings.connector_session_expiry,
            receive_maximum=_RECEIVE_MAXIMUM,
            on_message=self._inbox.take,
            on_opened=self._opened,
            on_taken_over=lambda: self._id_conflict.taken(sure=True),
            has_room=self._inbox.has_room,
        )
        self._directing = threading.Lock()
        self._stopping = threading.Event()
        self._inside = False
        self._opened_before = False
        self._lost_at = 0.0
        """When the session was found gone, until it is said why."""
        self._stuck = False
        self._returning = False
        self._left_at = 0.0
        self._gateway_away = False
        self._over = 0
        self._over_since = time.monotonic()
        metrics.CONNECTED.set_function(lambda: self._subscriber.connected)

    @property
    def ready(self) -> bool:
        """Whether the broker is reached, has confirmed every topic, nothing is let go of for want of a function, and
        nobody else uses this one's id."""
        wanted = frozenset(map(self._filter, self._directory.topics))
        confirmed = bool(wanted) and wanted <= self._subscriber.confirmed
        return (
            self._subscriber.connected and confirmed and not self._inbox.let_go and self.id_conflict is None
        )

    @property
    def id_conflict(self) -> str | None:
        """What is wrong, and what to do, where another client uses this one's id."""
        return self._id_conflict.trouble

    def run(self) -> None:
        """Serves until `stop`."""
        while not self._stopping.wait(self._settings.connector_refresh if self._inside else 0.1):
            self._direct()
            self._pace()
            self._say_lost()
        self._finish()

    def stop(self) -> None:
        """Makes `run` settle what is under way and return; what is left stays in the broker."""
        self._stopping.set()

    def prune(self) -> list[str]:
        """Ends subscriptions that no function is annotated with any more; what is held or still comes of them is a
        dead letter.

        Returns the topics. Raises Unavailable where gateway or broker cannot be asked now.
        """
        with self._directing:
            self._directory.refresh()
            removed = self._directory.unwanted()
            self._subscriber.unsubscribe(map(self._filter, removed))
            gone = self._directory.prune()
            waiting = self._inbox.waiting_topics()
            self._unsubscribe_unknown(waiting)
            abandoned = sorted({*removed, *waiting})
            self._inbox.abandon(abandoned)
            self._route()
            for entry in gone:
                entry.retire(self._inbox.is_taken)
            self._returning = True
        self._log.info("pruned", topics=abandoned)
        return abandoned

    def _direct(self) -> None:
        """Looks at the gateway's functions; enters the broker once there are any."""
        try:
            with self._directing:
                changed = self._directory.refresh()
                if changed:
                    self._route()
                self._subscriber.subscribe(map(self._filter, self._directory.topics))
                returning = (changed or self._returning) and self._inbox.let_go
                self._returning = False
        except FanwatchError as error:
            if not self._gateway_away:
                self._gateway_away = True
                self._log.warning("functions cannot be listed, trying again", why=str(error))
            return
        self._gateway_away = False
        if returning:
            # Messages that were too many to hold while they had no function come again with a new connection.
            self._inbox.let_go = False
            self._leave("messages were let go of that can be settled now")

    def _unsubscribe_unknown(self, waiting: list[str]) -> None:
        """Ends what an earlier process of this session subscribed to, and this one cannot know.

        Whatever it was, it is one of the filters that bring the messages that wait for a function.
        """
        unwanted = set().union(*map(filters_of, waiting)) - self._directory.topics
        names = sorted(map(self._filter, unwanted))
        for start in range(0, len(names), _FILTERS_A_PACKET):
            self._subscriber.unsubscribe(names[start : start + _FILTERS_A_PACKET])

    def _pace(self) -> None:
        """Leaves the broker when memory is full and nothing gets done; enters it again when something does."""
        now = time.monotonic()
        if self._inbox.over != self._over:
            self._over, self._stuck = self._inbox.over, False
            self._over_since = now
        elif self._inbox.has_room():
            self._over_since = now
        if self._inside and now - self._over_since > self._settings.connector_patience:
            metrics.LEFT.inc()
            self._stuck, self._left_at = True, now
            self._leave("memory is full and functions take nothing; the broker keeps the rest")
        away = self._stuck and now - self._left_at < _AWAY_S
        if not self._inside and not away and self._directory.topics:
            self._inside = True
            self._over_since = now
            self._subscriber.start()

    def _leave(self, why: str) -> None:
        self._log.warning("leaving the broker", why=why)
        self._subscriber.stop()
        self._inside = False

    def _opened(self, session_present: bool) -> None:
        if session_present:
            self._inbox.resumed()
        if not session_present and self._opened_before:
            self._lost_at = time.monotonic()
        self._opened_before = True

    def _say_lost(self) -> None:
        """Why the session was gone; a moment later, for the broker's log comes on another connection."""
        if not self._lost_at or time.monotonic() - self._lost_at < _LOG_S:
            return
        self._lost_at = 0.0
        if self._id_conflict.lately() or self.id_conflict is not None:
            self._log.error(
                "another client has begun this session anew, and what the broker held for it is gone",
                id=self._settings.connector_id,
                hint=said(self._settings.connector_id, connector=True),
            )
        else:
            self._log.error(
                "the broker had lost this session, and what it held for it",
                hint="check the broker's persistence; readings that publishers had not confirmed come again from them",
            )
            metrics.LOST_SESSIONS.inc()

    def _finish(self) -> None:
        """Settles what is under way, acknowledges it and leaves; the session stays."""
        workers = [worker for entry in self._directory.entries.values() for worker in entry.workers]
        deadline = time.monotonic() + self._settings.connector_stop
        for entry in self._directory.entries.values():
            entry.function.breaker.stop()
            entry.function.queue.stop()
        ended = [worker.join(max(0.0, deadline - time.monotonic())) for worker in workers]
        self._letters.stop(max(0.5, deadline - time.monotonic()))
        self._subscriber.stop()
        self._publisher.stop()
        self._log.info("stopped", unfinishedWorkers=ended.count(False), settled=self._inbox.over)

    def _route(self) -> None:
        self._inbox.set_functions(
            {entry.name: (entry.topics, entry.function.queue) for entry in self._directory.entries.values()}
        )

    def _filter(self, topic: str) -> str:
        share = self._settings.connector_share
        return f"$share/{share}/{topic}" if share else topic
