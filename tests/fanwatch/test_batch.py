"""Batches between connector and function."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanwatch.messages import batch

messages = st.lists(st.tuples(st.text(max_size=30), st.binary(max_size=60)), max_size=6)


@settings(max_examples=100)
@given(messages)
def test_messages_come_back_whatever_their_bytes(sent: list[batch.Message]) -> None:
    assert batch.decode_messages(batch.encode_messages(sent)) == sent


def test_the_wire_form() -> None:
    """[[topic, bytes], …] and [[status, error or null], …]: any MessagePack library can read them."""
    sent = batch.encode_messages([("fan/messages", b"\xff{")])
    assert sent == b"\x91\x92\xacfan/messages\xc4\x02\xff{"
    assert (
        batch.encode_outcomes([(200, None), (400, "json: no")])
        == b"\x92\x92\xcc\xc8\xc0\x92\xcd\x01\x90\xa8json: no"
    )
    assert batch.decode_outcomes(b"\x92\x92\xcc\xc8\xc0\x92\xcd\x01\x90\xa8json: no") == [
        (200, None),
        (400, "json: no"),
    ]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"\x01", b"\x91\x92\xa1a\xa1b", b"\x91\x92\xc4\x01a\xc4\x01b", b"\x91\x91\xa1a",
     b"\x91\x92\xa1\xff\xc4\x00",
     b"\xdd\xff\xff\xff\xff", b"\x91" * 5000, b"\x90\x90", b"\x80"],
)  # fmt: skip
def test_what_is_no_batch(body: bytes) -> None:
    for decode in (batch.decode_messages, batch.decode_outcomes):
        with pytest.raises(msgspec.DecodeError):
            decode(body)


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_batch_or_none(body: bytes) -> None:
    for decode in (batch.decode_messages, batch.decode_outcomes):
        try:
            assert isinstance(decode(body), list)
        except msgspec.DecodeError:
            continue
