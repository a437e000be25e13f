"""infer-fan: says of rows of sensor values whether the fan is faulty. One handler for both engines."""

import json
import math
from typing import Any

import msgspec

from fanwatch.errors import InvalidReading
from fanwatch.messages.refusals import in_words
from fanwatch.scorers import open_judge
from fanwatch.sensors import FEATURES, ROW, Values
from fanwatch.settings import InferSettings, load

MAX_ROWS = 4096

_JUDGE = open_judge(load(InferSettings))
_JSON = {"Content-Type": "application/json"}


class _Request(msgspec.Struct):
    params: msgspec.Raw


_request = msgspec.json.Decoder(_Request).decode
_one = msgspec.json.Decoder(ROW).decode
_many = msgspec.json.Decoder(list[ROW]).decode


def handle(event: Any, context: Any) -> dict[str, Any]:
    """Answer {"params": [r, t, v, s]} with a decision, {"params": [[r, t, v, s], ...]} with a list of them.

    Values stand in the order and units of machines/fan.toml. 400 says what is wrong.
    """
    try:
        rows, single = _rows(event.body)
    except InvalidReading as error:
        problem = {"error": str(error), "field": error.field, "value": error.value}
        return _answer(error.status, problem)
    decisions = _JUDGE.judge(rows)
    return _answer(200, decisions[0] if single else decisions)


def _answer(status: int, content: object) -> dict[str, Any]:
    return {"statusCode": status, "body": msgspec.json.encode(content).decode(), "headers": _JSON}


def _rows(body: bytes) -> tuple[list[Values], bool]:
    """The rows asked about, and whether it was one without a list around it."""
    try:
        params = bytes(_request(body).params)
        single = not params[1:].lstrip().startswith(b"[")
        rows = [_one(params)] if single else _many(params)
    except msgspec.ValidationError as error:
        raise _wrong(body, error) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidReading(f"This is no request: {in_words(error)}") from error
    if len(rows) > MAX_ROWS:
        raise InvalidReading(f"at most {MAX_ROWS} rows in one request", field="params", value=len(rows))
    return rows, single


def _wrong(body: bytes, error: Exception) -> InvalidReading:
    """Find what the decoder, which is quick but terse, has stumbled over."""
    try:
        content = json.loads(body, parse_int=float)
    except (ValueError, RecursionError):
        return InvalidReading(f"This is no request: {in_words(error)}")
    params = content.get("params") if isinstance(content, dict) else None
    if not isinstance(params, list) or not params:
        problem = f"params must be a list of {len(FEATURES)} numbers, or a list of such lists"
        return InvalidReading(problem, field="params")
    single = not isinstance(params[0], list)
    for index, row in enumerate([params] if single else params):
        if not isinstance(row, list) or len(row) != len(FEATURES) or not all(map(_is_number, row)):
            return _wrong_row(row, index, single)
    return InvalidReading(in_words(error), field="params")


def _wrong_row(row: Any, index: int, single: bool) -> InvalidReading:
    where = "params" if single else f"params[{index}]"
    if not isinstance(row, list) or len(row) != len(FEATURES):
        count = len(row) if isinstance(row, list) else None
        return InvalidReading(
            f"{where} must be {len(FEATURES)} numbers: {', '.join(FEATURES)}", field=where, value=count
        )
    name, value = next(pair for pair in zip(FEATURES, row, strict=True) if not _is_number(pair[1]))
    shown = value if isinstance(value, bool | None) else str(value)[:80]
    return InvalidReading(f"{name} in {where} is not a finite number", field=name, value=shown)


def _is_number(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)
