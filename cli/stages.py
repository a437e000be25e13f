"""Progress bars with the time left, one for each stage of a long command; on standard error, gone at the end."""

from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Stages:
    """Use as a context."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(),
        )  # fmt: skip
        console = Console(stderr=True)
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._named: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def named(self, what: str, done: int, total: int) -> None:
        """A stage by its first word, which begins when it is first heard of: how much of how much is done."""
        stage = what.partition(" ")[0]
        if stage not in self._named:
            self._named[stage] = self._progress.add_task(what)
        self._progress.update(self._named[stage], description=what, completed=done, total=total)

    def steps(self, what: str, total: int) -> Callable[[int, str], None]:
        """A stage that is told how many steps are done, and what to say."""
        task = self._progress.add_task(what, total=total, start=False)

        def show(done: int, said: str) -> None:
            self._progress.start_task(task)
            self._progress.update(task, completed=done, description=said)

        return show

    def counted(self, what: str, total: int) -> Callable[[str], None]:
        """A stage that is told what comes next."""
        task = self._progress.add_task(what, total=total)
        return lambda said: self._progress.update(task, advance=1, description=said)
