"""Loads the handler in a thread, so that the server can say meanwhile that it is alive."""

import importlib
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

Handle = Callable[[Any, Any], Any]


class LoadError(Exception):
    """The handler cannot be used; the text is one sentence."""


class Loader:
    """Imports `function.handler` from a directory and warms it; `handle` is None until it can be called."""

    def __init__(
        self, directory: Path, on_loaded: Callable[[], None], on_failure: Callable[[], None]
    ) -> None:
        self.handle: Handle | None = None
        self.failed = False
        self._directory = directory
        self._on_loaded = on_loaded
        self._on_failure = on_failure
        self._module: ModuleType | None = None
        self._thread = threading.Thread(target=self._run, name="loader", daemon=True)

    def start(self) -> None:
        """Start loading; returns at once."""
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether the import is still under way."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Call the handler module's optional `close()`, once nothing is in flight any more."""
        close = getattr(self._module, "close", None)
        if callable(close):
            close()

    def _run(self) -> None:
        try:
            module = _import(self._directory)
            warm = getattr(module, "warm", None)
            if callable(warm):
                warm()
            self._module = module
            self._on_loaded()
            self.handle = module.handle
        except BaseException as exc:  # noqa: BLE001 - a sys.exit at import must stop the server too
            print(_explain(exc), file=sys.stderr, flush=True)
            self.failed = True
            self._on_failure()


def _import(directory: Path) -> ModuleType:
    """Import the handler as the official template does: as module `handler` of a package `function`."""
    if not (directory / "handler.py").is_file():
        raise LoadError(f"There is no handler.py in {directory}; set HANDLER_DIR to the function's folder.")
    package = ModuleType("function")
    package.__path__ = [str(directory.resolve())]
    sys.modules["function"] = package
    module = importlib.import_module("function.handler")
    if not callable(getattr(module, "handle", None)):
        raise LoadError(
            f"{directory / 'handler.py'} defines no handle(event, context); every function needs one."
        )
    return module


def _explain(exc: BaseException) -> str:
    """One line for an error that was raised to be read by a person, the whole trace for any other.

    An exception says that it is of the first kind by an int attribute `status`.
    """
    if isinstance(exc, LoadError) or isinstance(getattr(exc, "status", None), int):
        return f"The function cannot start: {exc}"
    return "The function cannot start:\n" + "".join(traceback.format_exception(exc)).rstrip()
