"""What is said of the parts, from a real store."""

from console import health
from console.measured import Ledger
from fanwatch.store import point
from tests.support.console import now_ms
from tests.support.influx import Influx

BROKER, PAGE = "tcp://mosquitto.fanwatch:8884", "tcp://console-lan.fanwatch:8093"


def machine(influx: Influx, **days: float) -> str:
    """What the page says of the machine while the certificates of these sources have so many days left."""
    sources = {"broker": BROKER, "page": PAGE}
    influx.store.write(
        [
            # One common name for both, as `fanwatch certs` makes them.
            point(
                "x509_cert",
                {"source": sources[name], "common_name": "nuc.local"},
                {"expiry": int(left * 86_400)},
                now_ms() * 1_000_000,
            )
            for name, left in days.items()
        ]
    )
    found = health.collect(influx.store, lambda: True, None)
    return next((part.words for part in found.parts if part.name == "Machine"), "")


def test_a_certificate_that_ends_soon_is_named_whosever_it_is(influx: Influx) -> None:
    assert "certificate" not in machine(influx, broker=300, page=300)
    assert machine(influx, broker=300, page=20) == (
        "The certificate of console-lan.fanwatch:8093 ends in 20 days: `fanwatch certs page`."
    )
    assert machine(influx, broker=3, page=20) == (
        "The certificate of mosquitto.fanwatch:8884 ends in 3 days: `fanwatch certs rotate`."
    )


def test_while_the_past_comes_in_an_empty_ledger_is_no_trouble() -> None:
    nothing, some = Ledger(0, 0, 0), Ledger(10, 9, 0)
    assert health.in_words(nothing)[0] == "attention"
    state, said = health.in_words(nothing, past=True)
    assert state == "unknown"
    assert said.startswith("What comes in now is of the past")
    assert health.in_words(some, past=True) == health.in_words(some)
