"""The table of docs/reliability.md: written by the full-length fault tests where WRITE_FIGURES=1 is set."""

import os
from pathlib import Path

from tests.support.ledger import Counts

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/reliability.md"
BEGIN = "<!-- figures: written by WRITE_FIGURES=1 make test-faults -->"
END = "<!-- end of figures -->"
HEAD = (
    "| Scenario | published | scored | dead-lettered | lost | duplicated | recovery s | connector's peak RSS MB |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|"
)


def record(scenario: str, counts: Counts, recovery_s: float, peak_mb: float, *, full: bool) -> None:
    """Prints one row; at full length, where it is wanted, it takes its older one's place in the document."""
    row = (
        f"| {scenario} | {counts.published:,} | {counts.scored:,} | {counts.dead_lettered:,} | {counts.lost:,} "
        f"| {counts.duplicated:,} | {recovery_s:.1f} | {peak_mb:.0f} |"
    )
    print(f"\n{row}", flush=True)
    if full and os.environ.get("WRITE_FIGURES") == "1":
        DOCUMENT.write_text(_with(DOCUMENT.read_text(encoding="utf-8"), scenario, row), encoding="utf-8")


def _with(text: str, scenario: str, row: str) -> str:
    before, _, rest = text.partition(BEGIN)
    table, _, after = rest.partition(END)
    rows = {line.split("|")[1].strip(): line for line in table.strip().splitlines()[2:]}
    rows[scenario] = row
    return "\n".join([before + BEGIN, HEAD, *(rows[name] for name in sorted(rows)), END + after])
