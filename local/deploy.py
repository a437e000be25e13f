"""Runs what stack.yml describes, and follows its changes without losing a request.

A function's replicas of one generation (local.stack says what makes one) are one program of supervisord. A new
generation is started beside the old one, which goes only once the new one is ready and the gateway has seen that.
"""

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from fanwatch import proxies
from fanwatch.errors import FanwatchError, Unavailable
from fanwatch.settings import LocalSettings, load
from local import stack as stacks
from local.layout import Layout, note, of
from local.sockets import status
from local.supervisor import Program, Supervisor

READY_TIMEOUT_S = 60.0
# The gateway looks at the replicas twice a second; the old ones answer until it has seen the new ones.
_HANDOVER_S = 2.0
_POLL_S = 0.1
_WATCH_S = 0.5
# What a container's image would set; everything else comes from stack.yml, as it does on a cluster.
_INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TZ",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "PYTHONUNBUFFERED",
    "PYTHONIOENCODING",
)


class Deployer:
    """Brings the running replicas in line with a stack."""

    def __init__(self, layout: Layout, supervisor: Supervisor) -> None:
        self._layout = layout
        self._supervisor = supervisor
        self.refused: list[str] = []
        """Of what the last call returned: what does not run though stack.yml says so, and will not by itself."""

    def apply(self, stack: stacks.Stack) -> list[str]:
        """Starts what is new, waits until it is ready, removes what is old.

        Returns what went wrong, a sentence each. A new generation that does not become ready is taken away again,
        and the old one stays; the first one of a function is kept, for supervisord goes on trying. What was taken
        away is tried anew by the next call: a bundle may have been repaired, which no generation shows.
        """
        wanted = {program_name(stack, name): name for name in stack.local}
        running = self._groups()
        added = [group for group in wanted if group not in running]
        for group in added:
            self._supervisor.add(self.program(stack, wanted[group], group))
        problems = []
        self.refused = []
        kept = set()
        failed = self._wait(stack, {group: wanted[group] for group in added})
        for group in failed:
            if any(function_of(old) == wanted[group] for old in running):
                kept.add(wanted[group])
                self._remove([group])
                self.refused.append(f"{wanted[group]}: {self._last_line(group)} The running one stays.")
                problems.append(self.refused[-1])
            else:
                problems.append(f"{wanted[group]} is not ready yet: {self._last_line(group)}")
        old = [group for group in running if group not in wanted and function_of(group) not in kept]
        if old:
            if added:
                time.sleep(_HANDOVER_S)
            self._remove(old)
        return problems

    def _groups(self) -> list[str]:
        return sorted(
            {process.group for process in self._supervisor.processes() if process.group.startswith("fn-")}
        )

    def program(self, stack: stacks.Stack, name: str, group: str) -> Program:
        """How supervisord is to run a function."""
        function = stack.functions[name]
        generation = group.rsplit("-", 1)[1]
        inherited = {key: os.environ[key] for key in _INHERITED if key in os.environ}
        inherited |= proxies.outward(os.environ)
        return Program(
            name=group,
            argv=[sys.executable, "-m", "function_server"],
            env={
                **inherited,
                **function.local_environment,
                "FUNCTION_NAME": name,
                "HANDLER_DIR": str(stack.directory / function.handler),
                "LISTEN_UDS": str(self._layout.short / f"{name}-{generation}-{{n}}.sock"),
            },
            cwd=stack.directory,
            replicas=function.replicas,
            priority=40,
            stop_s=5,
        )

    def _sockets(self, stack: stacks.Stack, group: str, name: str) -> list[Path]:
        generation = group.rsplit("-", 1)[1]
        count = stack.functions[name].replicas
        return [self._layout.short / f"{name}-{generation}-{number}.sock" for number in range(count)]

    def _wait(self, stack: stacks.Stack, added: dict[str, str]) -> list[str]:
        """The groups that were not ready in time, or whose processes end again and again."""
        waiting = {group: self._sockets(stack, group, name) for group, name in added.items()}
        failed: list[str] = []
        deadline = time.monotonic() + READY_TIMEOUT_S
        while waiting and time.monotonic() < deadline:
            waiting = {
                group: left
                for group, sockets in waiting.items()
                if (left := [path for path in sockets if status(path, "/_/ready", 1.0) != 200])
            }
            ending = {
                process.group
                for process in self._supervisor.processes()
                if process.statename in ("BACKOFF", "FATAL")
            }
            failed += [group for group in waiting if group in ending]
            waiting = {group: left for group, left in waiting.items() if group not in ending}
            time.sleep(_POLL_S if waiting else 0)
        return failed + list(waiting)

    def _remove(self, groups: list[str]) -> None:
        for group in groups:
            self._supervisor.stop(group)
        deadline = time.monotonic() + 10
        left = list(groups)
        while left and time.monotonic() < deadline:
            left = [group for group in left if not self._supervisor.remove(group)]
            time.sleep(_POLL_S if left else 0)
        for group in groups:
            for path in self._layout.short.glob(f"{group.removeprefix('fn-')}-*.sock"):
                path.unlink(missing_ok=True)

    def _last_line(self, group: str) -> str:
        return self._layout.last_line(f"{group}-0", "it does not answer; its log is empty.")


def program_name(stack: stacks.Stack, name: str) -> str:
    """supervisord's name for the current generation of a function."""
    return f"fn-{name}-{stack.generation(name)}"


def function_of(group: str) -> str:
    """The function of fn-<function>-<generation>."""
    return group.removeprefix("fn-").rsplit("-", 1)[0]


def read_stack(layout: Layout, environment: Mapping[str, str]) -> stacks.Stack:
    """The checkout's stack.yml with this machine's values."""
    return stacks.read(layout.stack, stacks.local_environment(environment))


def watch(deployer: Deployer, supervisor: Supervisor, layout: Layout) -> None:
    """Applies stack.yml now and after each of its changes, and revives what was given up, for ever."""
    seen: tuple[int, int] | None = None
    away = False
    while True:
        try:
            found = layout.stack.stat()
            now = (found.st_mtime_ns, found.st_size)
            if now != seen:
                seen = now
                for problem in deployer.apply(read_stack(layout, os.environ)):
                    print(problem, flush=True)
                note(layout.refused, deployer.refused)
                away = False
        except Unavailable as error:
            # supervisord is busy: what is not done yet is done once it answers.
            seen = None
            if not away:
                print(f"{error} Trying again.", flush=True)
            away = True
        except OSError as error:
            if seen != (0, 0):
                _stays(layout, f"{layout.stack} cannot be read: {error.strerror}.")
            seen = (0, 0)
        except FanwatchError as error:
            _stays(layout, str(error))
        with contextlib.suppress(Unavailable):
            supervisor.revive()
        time.sleep(_WATCH_S)


def refusals(layout: Layout) -> list[str]:
    """The reasons why something of the stack.yml that lies there now does not run; none while it is being applied."""
    changed_ns = 0
    with contextlib.suppress(OSError):
        changed_ns = layout.stack.stat().st_mtime_ns
    try:
        if layout.refused.stat().st_mtime_ns < changed_ns:
            return []
        return msgspec.json.decode(layout.refused.read_bytes(), type=list[str])
    except (OSError, msgspec.DecodeError):
        return []


def _stays(layout: Layout, reason: str) -> None:
    said = f"{reason} What runs stays as it is."
    print(said, flush=True)
    note(layout.refused, [said])


def main() -> None:
    """Follows stack.yml for the runtime that runs, until SIGTERM."""
    place = of(load(LocalSettings))
    supervisor = Supervisor(place)
    watch(Deployer(place, supervisor), supervisor, place)


if __name__ == "__main__":
    main()
