"""`fanwatch dead-letters`: readings that could not be scored; see them, and send them again."""

import json
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fanwatch import output

if TYPE_CHECKING:
    from fanwatch.store import Store

app = typer.Typer(name="dead-letters", help="Readings that could not be scored.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List them: id, reason, topic, how often each was seen, and when first."""
    from fanwatch import letters

    found = letters.summaries(letters.stored(_store()))
    if as_json:
        _print_json(found)
        return
    if not found:
        print("There are no dead letters.")
        return
    print(_row("ID", "FIRST SEEN", "REASON", "TIMES", "TOPIC"))
    for letter in found:
        count = f"x{letter['count']}"
        print(_row(letter["id"][:12], letter["firstSeen"], letter["reason"], count, letter["topic"]))


@app.command()
def show(
    identity: Annotated[str, typer.Argument(metavar="ID", help="Its first characters will do.")],
) -> None:
    """Show one: why it was refused, and what it contains."""
    from fanwatch import letters

    _print_json(letters.described(letters.one(letters.stored(_store()), identity)))


@app.command()
def resend(
    identities: Annotated[list[str], typer.Argument(metavar="ID...", help="Their first characters will do.")],
) -> None:
    """Publish the original bytes to their original topic again."""
    from fanwatch import letters
    from fanwatch.settings import BrokerSettings, load
    from local.report import reachable

    found = letters.stored(_store())
    chosen = [letters.one(found, identity) for identity in identities]
    letters.require_whole(chosen)
    for letter in chosen:
        letters.publish(load(BrokerSettings, reachable(os.environ)), letter)
        print(f"Sent {letter.id[:12]} to {letter.topic}.")


def _row(identity: str, first_seen: str, reason: str, times: str, topic: str) -> str:
    return output.hanging(
        f"{identity:<12}  {first_seen:<30}  {reason:<12} {times:<5} ", topic, output.width()
    )


def _store() -> "Store":
    from fanwatch.errors import Unavailable
    from fanwatch.settings import LocalSettings, StoreSettings, load
    from fanwatch.store import Store
    from local.report import reachable

    environment = reachable(os.environ)
    if load(LocalSettings, environment).no_store:
        raise Unavailable(
            "Nothing is stored here, as FANWATCH_NO_STORE says: dead letters are not kept either."
        )
    return Store(load(StoreSettings, environment))


def _print_json(content: Any) -> None:
    print(output.as_json(json.dumps(content, indent=2, ensure_ascii=False)))


def register(parent: typer.Typer) -> None:
    """Adds the group."""
    parent.add_typer(app)
