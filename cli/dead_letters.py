"""`fanwatch dead-letters`: readings that could not be scored; see them, and send them again."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import AsJson, environment, print_json
from fanwatch import output

if TYPE_CHECKING:
    from fanwatch.store.influx import Store

app = typer.Typer(name="dead-letters", help="Readings that could not be scored.", no_args_is_help=True)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List them: id, reason, topic, how often each was seen, when first, and whether it was sent again since."""
    from fanwatch.messages.timestamps import minute
    from fanwatch.store import dead_letters

    store = _store()
    found = dead_letters.summaries(dead_letters.stored(store), dead_letters.sent_again(store))
    if as_json:
        print_json(found)
        return
    if not found:
        print("There are no dead letters.")
        return
    print(_row("ID", "FIRST SEEN", "REASON", "TIMES", "SENT AGAIN", "TOPIC"))
    for letter in found:
        count = f"x{letter['count']}"
        sent = minute(letter["sentAgain"]) + " refused" * letter["refusedAgain"]
        print(_row(letter["id"][:12], letter["firstSeen"], letter["reason"], count, sent, letter["topic"]))


@app.command()
def show(
    identity: Annotated[str, typer.Argument(metavar="ID", help="Its first characters will do.")],
) -> None:
    """Show one: why it was refused, and what it contains."""
    from fanwatch.store import dead_letters

    print_json(dead_letters.described(dead_letters.one(dead_letters.stored(_store()), identity)))


@app.command()
def resend(
    identities: Annotated[
        list[str] | None, typer.Argument(metavar="[ID...]", help="Their first characters will do.")
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(
            metavar="REASON",
            show_default=False,
            help="Or all that have this reason, such as clock, and were not sent again since.",
        ),
    ] = None,
) -> None:
    """Publish the original bytes to their original topic again. That it was done is kept beside the dead letters."""
    from fanwatch.settings import BrokerSettings, load
    from fanwatch.store import dead_letters

    if bool(identities) == (reason is not None):
        raise typer.BadParameter("give the IDs of dead letters, or --reason")
    store = _store()
    found = dead_letters.stored(store)
    left_out: dict[str, int] = {}
    if reason is not None:
        summaries = dead_letters.summaries(found, dead_letters.sent_again(store))
        identities, left_out = dead_letters.waiting(summaries, reason)
    chosen = [dead_letters.one(found, identity) for identity in identities or ()]
    dead_letters.require_whole(chosen)
    for letter in chosen:
        trouble = dead_letters.resend(store, load(BrokerSettings, environment()), letter)
        print(f"Sent {letter.id[:12]} to {letter.topic}.")
        if trouble:
            print(trouble, file=sys.stderr)
    if reason is not None:
        rest = "".join(f"; {count:,} {why}" for why, count in left_out.items())
        print(f"{len(chosen):,} with the reason {reason} sent{rest}.")


def _row(identity: str, first_seen: str, reason: str, times: str, sent: str, topic: str) -> str:
    start = f"{identity:<12}  {first_seen:<30}  {reason:<12} {times:<5} {sent:<24}  "
    return output.hanging(start, topic, output.width())


def _store() -> "Store":
    from fanwatch.errors import Unavailable
    from fanwatch.settings import LocalSettings, StoreSettings, load
    from fanwatch.store.influx import Store

    here = environment()
    if load(LocalSettings, here).no_store:
        raise Unavailable(
            "Nothing is stored here, as FANWATCH_NO_STORE says: dead letters are not kept either."
        )
    return Store(load(StoreSettings, here))
