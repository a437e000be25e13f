"""Readings scored ad hoc, through the gateway like anybody's; nothing is published, and nothing is stored."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from fanwatch.errors import FanwatchError, Unavailable, UpstreamFailed
from fanwatch.gateway.client import Gateway
from fanwatch.messages.refusals import in_words
from fanwatch.messages.result import Result

FUNCTION: Final = "score-fan"

_HEADERS = {"Content-Type": "application/x-ndjson"}


class Refused(msgspec.Struct, frozen=True):
    """What score-fan says of a line that it cannot read, or could not have judged; `status` is HTTP's."""

    status: int
    error: str
    field: str | None = None
    value: Any = None

    @property
    def sentence(self) -> str:
        """The same for people."""
        where = f"{self.field}: " if self.field and self.field not in self.error else ""
        got = "" if self.value is None else f" (got {str(self.value)[:80]!r})"
        return f"{where}{self.error}{got}"


Answer = Result | Refused


def score(gateway: Gateway, lines: Sequence[bytes]) -> list[Answer]:
    """One answer a line. Unavailable or UpstreamFailed where score-fan has none at all."""
    response = gateway.call(FUNCTION, b"\n".join(lines) + b"\n", _HEADERS)
    if response.status in (404, 502, 503):
        raise Unavailable(
            f"Scoring is away: the gateway answered {response.status}. The page Pipeline shows which part is down."
        )
    if response.status == 413:
        raise FanwatchError("These are more readings than scoring takes at once. Try fewer.")
    if response.status != 200:
        raise UpstreamFailed(f"{FUNCTION} answered {response.status}: {response.text()}")
    try:
        answers = [_answer(line) for line in response.body.splitlines()]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamFailed(
            f"{FUNCTION} answered with something else than results: {in_words(error)}."
        ) from error
    if len(answers) != len(lines):
        raise UpstreamFailed(f"{FUNCTION} answered {len(answers)} lines to {len(lines)} readings.")
    return answers


class _Status(msgspec.Struct):
    status: int


_status = msgspec.json.Decoder(_Status).decode
_result = msgspec.json.Decoder(Result).decode
_refused = msgspec.json.Decoder(Refused).decode


def _answer(line: bytes) -> Answer:
    return _result(line) if _status(line).status == 200 else _refused(line)
