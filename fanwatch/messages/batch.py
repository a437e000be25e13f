"""Batches between connector and function: MessagePack `[[topic, payload], …]` → `[[status, error | null], …]`.

Binary-safe: a payload that is no UTF-8 travels as it came, and each reading gets its own status.
"""

from typing import TypeVar

import msgspec

from fanwatch.messages.refusals import in_words

CONTENT_TYPE = "application/msgpack"
VERDICT_HEADER = "X-Fanwatch-Verdict"

Message = tuple[str, bytes]
"""Topic and payload."""

Outcome = tuple[int, str | None]
"""HTTP status of one reading and, unless 200, why."""

T = TypeVar("T")

encode_messages = msgspec.msgpack.Encoder().encode
encode_outcomes = msgspec.msgpack.Encoder().encode
_messages = msgspec.msgpack.Decoder(list[Message])
_outcomes = msgspec.msgpack.Decoder(list[Outcome])


def decode_messages(body: bytes) -> list[Message]:
    """The readings of a batch; msgspec.DecodeError where `body` is no batch."""
    return _decoded(_messages, body)


def decode_outcomes(body: bytes) -> list[Outcome]:
    """One outcome a reading, in the order sent; msgspec.DecodeError where `body` is no answer to a batch."""
    return _decoded(_outcomes, body)


def _decoded(decoder: msgspec.msgpack.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(in_words(error)) from error
