"""Which processes a call of a function may go to: follows stack.yml and the directory of sockets."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from local.gateway.upstream import Replica
from local.sockets import SocketName, parse_socket_name
from local.stack import Function, StackError, local_environment, read

NAMESPACE = "openfaas-fn"
_TICK_S = 0.25
_READY_CHECK_S = 1.0


class Route:
    """One function: what stack.yml says of it, and its processes that are ready."""

    def __init__(self, function: Function, generation: str) -> None:
        self.function = function
        self.generation = generation
        self.created_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.invocations = 0
        self.ready: list[Replica] = []
        self._turn = 0

    def pick(self, but: Replica | None = None) -> Replica | None:
        """The ready process with the least in flight, in turn among equals; None where none is ready."""
        ready = self.ready
        if len(ready) == 1:
            replica = ready[0]
            return replica if replica.ready and replica is not but else None
        best, count = None, len(ready)
        self._turn += 1
        for number in range(count):
            replica = ready[(self._turn + number) % count]
            if replica.ready and replica is not but and (best is None or replica.in_flight < best.in_flight):
                best = replica
        return best


class Routes:
    """All functions that run here. `by_name` is replaced as a whole when stack.yml changes."""

    def __init__(self, stack_path: Path, sockets: Path, environment: Mapping[str, str]) -> None:
        """Reads stack.yml. Raises StackError."""
        self.by_name: dict[str, Route] = {}
        self._stack_path = stack_path
        self._sockets = sockets
        self._environment = local_environment(environment)
        self._stack_mtime_ns = 0
        self._replicas: dict[SocketName, Replica] = {}
        self._checks: set[asyncio.Task[None]] = set()
        self._load()

    def named(self, called: str) -> Route | None:
        """The function NAME, or NAME.namespace; None where none of that name runs here."""
        name, _, namespace = called.partition(".")
        return self.by_name.get(name) if namespace in ("", NAMESPACE) else None

    async def watch(self) -> None:
        """Look at the sockets four times a second and at stack.yml once, for ever."""
        tick = 0
        while True:
            if tick % 4 == 3:
                self._follow()
            self._scan()
            await asyncio.sleep(_TICK_S)
            tick += 1

    def unreachable(self, replica: Replica) -> None:
        """A call found that a process takes no connections: nothing goes there until it is ready again."""
        replica.ready = False
        replica.due = min(replica.due, time.monotonic() + _TICK_S)
        self.update()

    def update(self) -> None:
        """Work out anew which processes calls go to: those of the newest generation that is ready."""
        by_function: dict[str, dict[str, list[Replica]]] = {}
        for socket, replica in self._replicas.items():
            if replica.ready:
                by_function.setdefault(socket.function, {}).setdefault(socket.generation, []).append(replica)
        for name, route in self.by_name.items():
            generations = by_function.get(name, {})
            ages = {generation: self._age(route, name, generation) for generation in generations}
            route.ready = generations[max(ages, key=lambda generation: ages[generation])] if ages else []

    def _age(self, route: Route, name: str, generation: str) -> tuple[bool, int]:
        """Sorts generations: the one that stack.yml asks for last, before it the younger."""
        born = [each.born_ns for key, each in self._replicas.items() if key[:2] == (name, generation)]
        return generation == route.generation, max(born, default=0)

    def _load(self) -> None:
        self._stack_mtime_ns = self._mtime_ns()
        stack = read(self._stack_path, self._environment)
        routes = {}
        for name, function in stack.local.items():
            generation = stack.generation(name)
            route = self.by_name.get(name)
            if route is None:
                route = Route(function, generation)
            route.function, route.generation = function, generation
            routes[name] = route
        self.by_name = routes
        self.update()

    def _mtime_ns(self) -> int:
        try:
            return self._stack_path.stat().st_mtime_ns
        except OSError:
            return 0

    def _follow(self) -> None:
        if self._mtime_ns() == self._stack_mtime_ns:
            return
        try:
            self._load()
        except StackError as exc:
            line = {"time": time.time(), "level": "error", "event": "stack.yml not used", "error": str(exc)}
            print(json.dumps(line), file=sys.stderr, flush=True)

    def _scan(self) -> None:
        """Take up new sockets, forget removed ones, and start the checks that are due."""
        seen: dict[SocketName, tuple[int, int]] = {}
        try:
            with os.scandir(self._sockets) as entries:
                for entry in entries:
                    name = parse_socket_name(entry.name)
                    if name is not None:
                        stat = entry.stat(follow_symlinks=False)
                        seen[name] = (stat.st_ino, stat.st_ctime_ns)
        except OSError:
            seen = {}  # the directory comes with the first process, and sockets may go while they are looked at
        gone = [name for name, each in self._replicas.items() if seen.get(name) != (each.inode, each.born_ns)]
        for name in gone:
            self._replicas.pop(name).close()
        for name in seen.keys() - self._replicas.keys():
            self._replicas[name] = Replica(self._sockets / str(name), *seen[name])
        if gone:
            self.update()
        now = time.monotonic()
        for replica in self._replicas.values():
            if replica.due <= now:
                replica.due = float("inf")
                task = asyncio.create_task(self._check(replica))
                self._checks.add(task)
                task.add_done_callback(self._checks.discard)

    async def _check(self, replica: Replica) -> None:
        if await replica.check():
            self.update()
        replica.due = time.monotonic() + (_READY_CHECK_S if replica.ready else 0)
