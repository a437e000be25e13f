"""The ledger as `fanwatch status` and the live table say it."""

from local.health import Ledger
from local.view import counts


def test_empty_messages_are_told_where_there_were_any() -> None:
    known = {"received": 9.0, "empty": 0.0, 'scored{function="score-fan"}': 8.0}
    assert counts(Ledger(known, None)) == "received 9 · scored 8"
    assert counts(Ledger(known | {"empty": 1.0}, None)) == "received 9 · empty 1 · scored 8"
