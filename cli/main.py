"""The `fanwatch` command: its sub-commands, and how errors become exit codes.

Parts are imported inside the commands that need them, so that `fanwatch --help` is quick.
"""

import importlib
import sys
from collections.abc import Callable

import typer

from fanwatch.errors import EXIT_USAGE, FanwatchError, SettingsError

app = typer.Typer(
    name="fanwatch",
    help="Watches fans: readings in over MQTT, scored by serverless functions, nothing lost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# Where each command lives: module, and the function that registers it on the app.
_MODULES = ("cli.runtime", "cli.dead_letters", "cli.connector")


def _register(module: str) -> None:
    register: Callable[[typer.Typer], None] = importlib.import_module(module).register
    register(app)


def main() -> int:
    """Runs the command; 0 for success, 1 for what a person must act on, 2 for wrong usage or settings."""
    for module in _MODULES:
        _register(module)
    try:
        app()
    except SettingsError as error:
        print(f"fanwatch: {error}", file=sys.stderr)
        return EXIT_USAGE
    except FanwatchError as error:
        print(f"fanwatch: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
