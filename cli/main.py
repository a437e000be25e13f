"""The `fanwatch` command: its sub-commands, and how errors become exit codes.

Parts are imported inside the commands that need them, so that `fanwatch --help` is quick.
"""

import importlib
import sys

import typer

from cli import runtime, score, settings, threshold
from fanwatch import output
from fanwatch.errors import EXIT_USAGE, FanwatchError, SettingsError

app = typer.Typer(
    name="fanwatch",
    help="Watches fans: readings in over MQTT, scored by serverless functions, nothing lost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# In the order of `fanwatch --help`.
for command in (
    runtime.up,
    runtime.down,
    runtime.status,
    score.score,
    threshold.threshold,
    settings.settings,
):
    app.command()(command)
for group in (
    "simulate", "train", "evaluate", "model", "alarms", "fans", "labels", "dead_letters", "connector", "history",
    "certs", "users", "console",
):  # fmt: skip
    app.add_typer(importlib.import_module(f"cli.{group}").app)


def main() -> int:
    """Runs the command; 0 for success, 1 for what a person must act on, 2 for wrong usage or settings."""
    output.degrade()
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
        from local.layout import command

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
