"""The `fanwatch` command: its sub-commands, and how errors become exit codes.

Parts are imported inside the commands that need them, so that `fanwatch --help` is quick.
"""

import importlib
import sys

import typer

from fanwatch import output
from fanwatch.errors import EXIT_USAGE, FanwatchError, SettingsError

app = typer.Typer(
    name="fanwatch",
    help="Watches fans: readings in over MQTT, scored by serverless functions, nothing lost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# Modules and their commands, in the order of `fanwatch --help`; `register` adds a group or several commands itself.
_COMMANDS = {
    "cli.runtime": ("register",),
    "cli.simulate": ("register",),
    "cli.score": ("score",),
    "cli.train": ("register",),
    "cli.train_forecast": (),
    "cli.threshold": ("threshold",),
    "cli.model": ("register",),
    "cli.alarms": ("register",),
    "cli.fans": ("register",),
    "cli.labels": ("register",),
    "cli.dead_letters": ("register",),
    "cli.connector": ("register",),
    "cli.history": ("register",),
    "cli.certs": ("register",),
    "cli.users": ("register",),
    "cli.console": ("register",),
    "cli.settings": ("settings",),
}


def _add(module: str, names: tuple[str, ...]) -> None:
    found = importlib.import_module(module)
    for name in names:
        if name == "register":
            found.register(app)
        else:
            app.command()(getattr(found, name))


def main() -> int:
    """Runs the command; 0 for success, 1 for what a person must act on, 2 for wrong usage or settings."""
    output.degrade()
    for module, names in _COMMANDS.items():
        _add(module, names)
    try:
        try:
            app()
        finally:
            # Here what cannot be written can still be said; at the interpreter's end it cannot.
            sys.stdout.flush()
    except BrokenPipeError:
        # Who reads it has read enough, such as `head`.
        output.drop()
        return 1
    except FanwatchError as error:
        from local.hints import command

        # What it says to call is to work when it is pasted.
        said = str(error).replace("`fanwatch ", f"`{command()} ")
        print(f"fanwatch: {said}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, SettingsError) else 1
    except OSError as error:
        # What no command has foreseen is one line too.
        from fanwatch.files import unwritable

        output.drop()
        print(f"fanwatch: {unwritable(error.filename or 'The output', error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
