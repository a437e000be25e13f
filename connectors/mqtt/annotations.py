"""Which functions want which topics: the gateway's annotations, read again and again, only ever added to."""

from collections.abc import Callable, Iterable

from connectors.mqtt.calls import Calls
from connectors.mqtt.worker import Function, Reject, Worker
from fanwatch.gateway.client import FunctionInfo, Gateway
from fanwatch.logs import Log
from fanwatch.messages import topics
from fanwatch.settings import ConnectorSettings

BATCH = "fanwatch.batch"
# With 6 levels, 191 filters bring a topic's messages.
_MOST_LEVELS = 6


class Entry:
    """One function: its topics and its workers."""

    def __init__(self, name: str, function: Function, workers: int) -> None:
        self.name = name
        self.function = function
        self.workers: list[Worker] = []
        """Those that were ever started, for they end by and by."""
        self._count = 0
        self.resize(workers)
        self.topics: frozenset[str] = frozenset()
        self.wanted: frozenset[str] = frozenset()
        """The topics it is annotated with now; those it once had stay in `topics` until they are pruned."""

    def resize(self, workers: int) -> None:
        """Makes it so many workers; those that are too many end as they are done with what they hold."""
        self.workers = [worker for worker in self.workers if not worker.join(0)]
        self.workers += [Worker(self.function, number) for number in range(self._count, workers)]
        self.function.queue.dismiss(max(0, self._count - workers))
        self._count = workers

    def retire(self, still_taken: Callable[[str], bool]) -> None:
        """Ends its workers, once nothing is put into them any more; see Function.retire."""
        self.function.retire(still_taken)
        self.function.queue.end()


class Directory:
    """The functions seen so far."""

    def __init__(self, gateway: Gateway, settings: ConnectorSettings, reject: Reject, log: Log) -> None:
        self._gateway = gateway
        self._settings = settings
        self._reject = reject
        self._log = log
        self._refused: set[tuple[str, str]] = set()
        self.entries: dict[str, Entry] = {}
        """Replaced, never changed, for other threads look through it."""

    @property
    def topics(self) -> frozenset[str]:
        """All topics of all functions."""
        return frozenset().union(*(entry.topics for entry in self.entries.values()))

    def refresh(self) -> bool:
        """Reads the annotations; whether anything changed. Unavailable where the gateway does not answer."""
        found = {_full_name(info): info for info in self._gateway.functions()}
        changed = False
        for entry in self.entries.values():
            if entry.name not in found:
                entry.wanted = frozenset()
        for name, info in found.items():
            changed |= self._update(name, info)
        return changed

    def unwanted(self) -> list[str]:
        """Topics that no function is annotated with any more."""
        return sorted(self.topics - frozenset().union(*(entry.wanted for entry in self.entries.values())))

    def prune(self) -> list[Entry]:
        """Forgets them; the functions that are annotated with none any more are returned, to be retired."""
        for entry in self.entries.values():
            entry.topics = entry.wanted
        gone = [entry for entry in self.entries.values() if not entry.topics]
        self.entries = {name: entry for name, entry in self.entries.items() if entry.topics}
        return gone

    def _update(self, name: str, info: FunctionInfo) -> bool:
        annotations = info.annotations or {}
        wanted = self._accepted(name, topics.annotated(annotations))
        entry = self.entries.get(name)
        if entry is None and not wanted:
            return False
        size = self._batch_size(name, annotations.get(BATCH))
        if entry is None:
            entry = self._entry(name, size)
            self.entries = {**self.entries, name: entry}
        elif entry.function.calls.batch_size != size:
            entry.function.calls = Calls(self._gateway, name, size)
            entry.resize(self._lanes(size))
        entry.wanted = wanted
        added = wanted - entry.topics
        entry.topics |= wanted
        if added:
            self._log.info("function takes topics", function=name, topics=sorted(entry.topics), batch=size)
        return bool(added)

    def _entry(self, name: str, size: int) -> Entry:
        function = Function(Calls(self._gateway, name, size), self._reject, self._log)
        return Entry(name, function, self._lanes(size))

    def _lanes(self, size: int) -> int:
        return self._settings.connector_batch_lanes if size else self._settings.connector_single_lanes

    def _accepted(self, name: str, filters: Iterable[str]) -> frozenset[str]:
        accepted = set()
        for pattern in filters:
            why = _why_not(pattern)
            if why is None:
                accepted.add(pattern)
            elif (name, pattern) not in self._refused:
                self._refused.add((name, pattern))
                self._log.error(f"topic refused: {why}", function=name, topic=pattern)
        return frozenset(accepted)

    def _batch_size(self, name: str, text: str | None) -> int:
        if text is None:
            return 0
        if text.isascii() and text.isdigit() and 1 <= int(text) <= 4096:
            return int(text)
        if (name, text) not in self._refused:
            self._refused.add((name, text))
            self._log.error(
                f"annotation {BATCH} is no number from 1 to 4096: one message a call", function=name
            )
        return 0


def filters_of(topic: str) -> set[str]:
    """All subscriptions that would bring messages of `topic`; of one with many levels only itself and `#`."""
    levels = topic.split("/")
    found = {topic, "#"}
    starts = [""]
    for level in levels if len(levels) <= _MOST_LEVELS else ():
        starts = [start + one for start in starts for one in (f"{level}/", "+/")]
        found.update(f"{start}#" for start in starts)
    found.update(start[:-1] for start in starts if start)
    return found


def _why_not(pattern: str) -> str | None:
    if not topics.is_valid_filter(pattern):
        return "no valid MQTT topic filter"
    if topics.feeds_back(pattern):
        return "it would receive what Fanwatch publishes (results, alarms or dead letters)"
    return None


def _full_name(info: FunctionInfo) -> str:
    return f"{info.name}.{info.namespace}" if info.namespace else info.name
