"""One connection to the broker after another, on one thread, which does all reading and writing."""

import contextlib
import os
import random
import select
import threading
import time
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from fanwatch.broker.tools import identify
from fanwatch.broker.transport import BufferedClient, BufferedSocket
from fanwatch.broker.trouble import refusal, silence, trouble
from fanwatch.errors import FanwatchError
from fanwatch.logs import Log
from fanwatch.settings import BrokerSettings

KEEPALIVE_S = 120
"""Generous, for a reader that pauses is not dead; twice the longest pause of the connector's reading."""

_PACKETS_A_TURN = 1000
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 2.0
_TAKEN_OVER = 0x8E


class Link:
    """Keeps a client connected until `stop`: a new client for each connection, so that nothing of an old one is sent.

    Subclasses hook into its thread; `wake` makes it look at what there is to write.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        log: Log,
        *,
        client_id: str,
        session_expiry_s: int = 0,
        receive_maximum: int = 0,
    ) -> None:
        """`session_expiry_s` above 0 keeps the session in the broker and resumes it; 0 starts a clean one each time.

        SettingsError for a password or CA that cannot be read.
        """
        self._settings = settings
        self._log = log
        self._client_id = client_id
        self._session_expiry_s = session_expiry_s
        self._receive_maximum = receive_maximum
        self._where = f"{settings.broker_host}:{settings.broker_port}"
        self._up = threading.Event()
        self._stopping = threading.Event()
        self._reported: set[str] = set()
        self._thread: threading.Thread | None = None
        identify(BufferedClient(CallbackAPIVersion.VERSION2), settings)
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._awake = False

    @property
    def connected(self) -> bool:
        """Whether the broker is reached now."""
        return self._up.is_set()

    def wait_connected(self, timeout_s: float) -> bool:
        """Whether the broker was reached within `timeout_s` seconds."""
        return self._up.wait(timeout_s)

    def start(self) -> None:
        """Begins to connect; returns at once."""
        # An event for each run: one that is still in a connect ends by its own, whatever is started meanwhile.
        stopping = self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(stopping,), name=f"mqtt {self._client_id}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Sends what is queued and DISCONNECT, which keeps a session; waits until the connection is closed."""
        self._stopping.set()
        self.wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(self._settings.broker_timeout)

    def wake(self) -> None:
        """Makes the thread look at once at what there is to write."""
        if not self._awake:
            self._awake = True
            os.eventfd_write(self._wake_fd, 1)

    # Hooks, all on this link's thread.

    def prepare(self, client: mqtt.Client) -> None:
        """Sets callbacks of a new client."""

    def opened(self, client: mqtt.Client, session_present: bool) -> None:
        """The broker accepted the connection."""

    def closed(self, client: mqtt.Client) -> None:
        """The connection of `client` ended."""

    def taken_over(self) -> None:
        """The broker says that another client has taken this one's session over."""

    def wants_more(self) -> bool:
        """Whether to go on reading; asked before each packet."""
        return True

    def before_writing(self, client: mqtt.Client) -> None:
        """Queues what there is to write."""

    def _run(self, stopping: threading.Event) -> None:
        wait_s = _FIRST_WAIT_S
        while not stopping.is_set():
            client = BufferedClient(
                CallbackAPIVersion.VERSION2, client_id=self._client_id, protocol=mqtt.MQTTv5, manual_ack=True
            )
            began = time.monotonic()
            try:
                self._set_up(client)
                self._connect(client)
                self._serve(client, stopping)
            except Exception as error:  # noqa: BLE001
                # Whatever went wrong in a hook or in paho, nothing was acknowledged by it: begin anew, say so.
                if not isinstance(error, (OSError, FanwatchError)):
                    self._log.error("broker connection failed", error, broker=self._where)
                self._report(*trouble(error, self._settings))
            finally:
                self._end(client)
            if time.monotonic() - began > 2 * _LONGEST_WAIT_S:
                wait_s = _FIRST_WAIT_S
            stopping.wait(wait_s * random.uniform(0.5, 1.0))
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    def _set_up(self, client: BufferedClient) -> None:
        # Read anew for each connection: password and CA may have been rotated meanwhile.
        identify(client, self._settings)
        client.on_connect = self._accepted
        client.on_disconnect = self._disconnected
        client.on_socket_register_write = lambda _client, _userdata, _socket: self.wake()
        self.prepare(client)

    def _connect(self, client: BufferedClient) -> None:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = self._session_expiry_s
        if self._receive_maximum:
            properties.ReceiveMaximum = self._receive_maximum
        client.connect(
            self._settings.broker_host,
            self._settings.broker_port,
            keepalive=KEEPALIVE_S,
            clean_start=self._session_expiry_s == 0,
            properties=properties,
        )

    def _serve(self, client: BufferedClient, stopping: threading.Event) -> None:
        accepted_until = time.monotonic() + self._settings.broker_timeout
        leaving = False
        while isinstance(connection := client.socket(), BufferedSocket):
            if not self.connected and time.monotonic() > accepted_until:
                raise TimeoutError("the broker did not accept the connection in time")
            self._wait(connection, client.want_write())
            self._read(client, connection)
            self.before_writing(client)
            if stopping.is_set() and not leaving:
                leaving = True
                client.disconnect()
            if client.want_write():
                client.loop_write()
            if connection.unsent and not connection.closed:
                connection.flush()
            client.loop_misc()

    def _may_read(self) -> bool:
        # The broker's answer to the connect is always wanted: a session that it lost has to be subscribed anew.
        return not self.connected or self.wants_more()

    def _wait(self, connection: BufferedSocket, hurry: bool) -> None:
        # paho asks for a write only when none was asked for, so what it queued between two steps is looked for here.
        more = self._may_read()
        if more and connection.pending():
            return
        reading: list[Any] = [connection, self._wake_fd] if more else [self._wake_fd]
        readable, _, _ = select.select(
            reading, [connection] if connection.unsent else [], [], 0 if hurry else 0.5
        )
        if self._wake_fd in readable:
            # In this order: a wake between the two is then seen, at worst, by one turn too many.
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._wake_fd)
            self._awake = False

    def _read(self, client: BufferedClient, connection: BufferedSocket) -> None:
        for _ in range(_PACKETS_A_TURN):
            if not self._may_read():
                return
            client.loop_read()  # one packet, or as much of one as is there
            if not connection.pending() or client.socket() is None:
                return

    def _accepted(
        self, client: mqtt.Client, _userdata: object, flags: Any, reason: Any, _properties: object
    ) -> None:
        if reason.is_failure:
            self._report(f"it refused the connection: {reason}", refusal(self._settings))
            return
        self._log.info("broker connected", broker=self._where, sessionPresent=flags.session_present)
        self._reported.clear()
        self.opened(client, flags.session_present)
        self._up.set()

    def _disconnected(
        self, _client: Any, _userdata: object, _flags: Any, reason: Any, _properties: object
    ) -> None:
        if getattr(reason, "value", None) == _TAKEN_OVER:
            self.taken_over()
        if not self._stopping.is_set():
            self._report(f"the connection ended: {reason}", silence(self._settings))

    def _end(self, client: BufferedClient) -> None:
        was_up = self._up.is_set()
        self._up.clear()
        with contextlib.suppress(OSError):
            connection = client.socket()
            if connection is not None:
                connection.close()
        if was_up:
            self.closed(client)

    def _report(self, why: str, hint: str) -> None:
        # Once an outage for each thing that there is to do about it.
        if hint not in self._reported:
            self._reported.add(hint)
            self._log.warning("broker away, trying again", broker=self._where, reason=why, hint=hint)
