"""Two clients with one id: the broker ends the connection of the first for the second, which comes back, and so on.

Both have one session, so readings and points come to one or the other, and nobody has lost anything: it is no trouble
of the broker. MQTT 5 tells the one whose session was taken over so; Mosquitto 2.0 ends its connection without a word,
and logs it, also to a topic.
"""

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from fanwatch import text
from fanwatch.messages.reasons import Reason, reason

if TYPE_CHECKING:
    from fanwatch.store.influx import Store

LOG: Final = "$SYS/broker/log/E"
"""Where Mosquitto says so, for whoever may read it."""
SURE: Final = 3
"""So many times within `WITHIN_S`: once, it was the client itself, whose old connection the broker still had."""
WITHIN_S: Final = 120
TELEGRAF: Final = "fanwatch-telegraf-"
"""What the ids of Telegraf's sessions begin with."""
CONNECTOR: Final = "fanwatch-connector-"
"""And a connector's, as long as nobody has set another one."""
_LOGGED: Final = re.compile(rb": Client (.*) already connected, closing old connection\.")
_MOST: Final = 1000


def logged(payload: bytes) -> str | None:
    """Whose id was taken over, by a line of the broker's log; None where it is about something else."""
    found = _LOGGED.search(payload)
    return found[1].decode(errors="replace") if found else None


def taken(store: "Store") -> list[str]:
    """Ids that several clients use now, as Telegraf stores the broker's log. Unavailable where the store is away."""
    rows = store.query(
        f'SELECT "id" FROM "takeover" WHERE time > now() - {WITHIN_S}s ORDER BY time DESC LIMIT {_MOST}'
    )
    counts = Counter(str(row["id"]) for row in rows)
    return sorted(client for client, count in counts.items() if count >= SURE)


def told(client: str, *, connector: bool = False) -> Reason:
    """What is wrong, and what to do about it; `connector` says that it is a connector's id, whatever it looks like."""
    if client.startswith(TELEGRAF):
        return reason("id-telegraf", id=client)
    return reason("id-connector" if connector or client.startswith(CONNECTOR) else "id-shared", id=client)


def said(client: str, *, connector: bool = False) -> str:
    """The same in a sentence."""
    return text.why((told(client, connector=connector),))
