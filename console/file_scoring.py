"""A file of readings, scored: what became of each line, with bounds on how much one person may ask for."""

import io
from collections.abc import Iterator
from typing import Any, Final

from console.scoring import Refused, score
from fanwatch.errors import FanwatchError
from fanwatch.gateway.client import Gateway
from fanwatch.messages import ndjson
from fanwatch.messages.result import Result

MOST_BYTES: Final = 2_000_000
MOST_READINGS: Final = 5000


class TooMuch(FanwatchError):
    """The file is larger than this page takes; the command takes any."""

    status = 413


def too_large() -> TooMuch:
    """For a file with too many bytes."""
    return TooMuch(
        f"This page takes files of up to {MOST_BYTES // 1_000_000} MB. `fanwatch score FILE` takes any size."
    )


def scored(gateway: Gateway, name: str, content: bytes) -> dict[str, Any]:
    """Counts, and one row a reading: [line, device, time, verdict, probability, cause, remark].

    `verdict` is fault, healthy, not judged or refused. FanwatchError says what is wrong with the file; TooMuch where
    it has more readings than MOST_READINGS; Unavailable or UpstreamFailed where scoring is away.
    """
    if len(content) > MOST_BYTES:
        raise too_large()
    rows: list[list[Any]] = []
    for chunk in ndjson.chunks(_bounded(ndjson.lines(io.BytesIO(content), name[:80] or "the file"))):
        answers = score(gateway, [line.content for line in chunk])
        rows += [_row(line.number, answer) for line, answer in zip(chunk, answers, strict=True)]
    if not rows:
        raise FanwatchError(f"{name[:80]} has no readings.")
    counts = {verdict: sum(row[3] == verdict for row in rows) for verdict in _VERDICTS}
    return {"name": name[:80], "total": len(rows), "counts": counts, "rows": rows}


_VERDICTS: Final = ("fault", "healthy", "not judged", "refused")


def _bounded(lines: Iterator[ndjson.Line]) -> Iterator[ndjson.Line]:
    for count, line in enumerate(lines, 1):
        if count > MOST_READINGS:
            raise TooMuch(
                f"This page takes files of up to {MOST_READINGS:,} readings. `fanwatch score FILE` takes any number."
            )
        yield line


def _row(number: int, answer: Result | Refused) -> list[Any]:
    if isinstance(answer, Refused):
        return [number, "", "", "refused", None, "", answer.sentence]
    verdict = {1: "fault", 0: "healthy"}.get(-1 if answer.fault is None else answer.fault, "not judged")
    return [
        number,
        answer.deviceID,
        answer.timeStamp or "",
        verdict,
        answer.probability,
        answer.cause or "",
        remark(answer),
    ]


def remark(result: Result) -> str:
    """What the verdict's quality means, in words; nothing where it is as good as any."""
    fields = " and ".join(result.fields) if isinstance(result.fields, list) else "a value"
    if result.quality == "extrapolated":
        return f"outside what the model has seen: {fields}"
    if result.quality == "implausible":
        return f"no working sensor shows this: {fields}"
    return ""
