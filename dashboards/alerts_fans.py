"""Rules about fans."""

from typing import Final

from dashboards.alerts_model import Group, Rule
from dashboards.alerts_queries import (
    confirmed_severity,
    fans_of,
    increase,
    last_severity,
    no_fault,
    out_of_service,
    within,
)
from dashboards.queries import EACH_FAN, INSTRUMENT, KNOWN_FOR, WARNING, means, raw, select, union
from fanwatch.fleet.faulty import FAULTS, FAULTY_S, FAULTY_SHARE
from fanwatch.fleet.outage import SHARE
from fanwatch.sensors import COUNTED

SILENT_AFTER_S = FAULTY_S // 2
"""Seconds without a reading after which a fan is silent: several times what lies between two readings of one."""
CONFIRMED: Final = "12m"
"""What can wait is told once forecast-fan's next run, ten minutes later, says it again: a run that falls into the
seconds in which days are played in sees fans that sent nothing, and the next one takes that back."""
_WARNED = WARNING + 0.25
"""Of `confirmed_severity`: a warning that was said before, too, or worse."""
_SEVERAL = f'"faults" >= {FAULTS}'
MANY = 10
"""From so many faulty fans on, more than half of the fleet is one trouble and not many."""

_FAN = "{{ .Labels.deviceID }}"
_READINGS, _LATE, _REFUSED = (COUNTED, ""), ("unusable", '"unusable" = 1'), ("unusable", '"unusable" = 2')
"""What comes of a fan: readings by their own time, readings of long ago as they come, messages that were refused."""


def _heard(silent_s: int) -> str:
    """Readings of each fan that is known: `v`, 0 for one of which none can be used."""
    return _of_known(_READINGS, silent_s)


def _of_known(what: tuple[str, str], silent_s: int) -> str:
    """Points of the last `silent_s` of each fan that is known: `v`, 0 for one that has none."""
    recent = _recent(what, silent_s)
    known = select('sum("n") * 0 AS "v"', means("telemetry"), within(KNOWN_FOR), by=(EACH_FAN,))
    # Fans that no mean knows yet.
    new = select(
        f'count("{COUNTED}") * 0 AS "v"',
        raw("telemetry"),
        within(f"{max(1200, 2 * silent_s)}s"),
        by=(EACH_FAN,),
    )
    return select('sum("v") AS "v"', union(recent, known, new), by=(EACH_FAN,))


def _recent(what: tuple[str, str], silent_s: int) -> str:
    field, where = what
    return select(f'count("{field}") AS "v"', raw("telemetry"), where, within(f"{silent_s}s"), by=(EACH_FAN,))


def _reporting(silent_s: int) -> str:
    """How many fans are heard, whether what they send can be used or not: `v`."""
    each = union(*(_recent(what, silent_s) for what in (_READINGS, _REFUSED, _LATE)))
    return fans_of(select('sum("v") AS "v"', each, by=(EACH_FAN,)))


def _flow(silent_s: int) -> dict[str, str]:
    """Readings of the last minutes, and what arrived meanwhile, late ones and all.

    While a backlog is worked off or history is played in, most of what arrives is of another time, and the times of
    readings do not say who is silent.
    """
    age = f"{2 * silent_s}s"
    return {
        "fresh": select(f'count("{COUNTED}") AS "v"', raw("telemetry"), within(age)),
        "arrived": increase("telegraf", "gathered", age, "\"input\" = 'telemetry'"),
    }


def _faults_of(age_s: int) -> str:
    """Results of each fan, and those of them that are faults: `n`, `faults`."""
    what = 'sum("fault") AS "faults", count("fault") AS "n"'
    return union(select(what, raw("anomaly"), within(f"{age_s}s"), by=(EACH_FAN,)))


def _results(age_s: int, by: tuple[str, ...] = (EACH_FAN,)) -> str:
    """0 for each fan that has results, or for all of them: `v`."""
    return select('count("quality") * 0.0 AS "v"', raw("anomaly"), within(f"{age_s}s"), by=by)


def _shares(age_s: int) -> str:
    """Share of faults of each fan that had several, 0 for all others that are known: `v`."""
    shares = select('"faults" / "n" AS "v"', _faults_of(age_s), _SEVERAL, by=(EACH_FAN,))
    return select('sum("v") AS "v"', union(shares, _results(age_s), no_fault((EACH_FAN,))), by=(EACH_FAN,))


def _faulty(age_s: int) -> str:
    """How many fans are faulty: `v`, 0 too where nothing comes."""
    # A quotient of whole numbers is compared as if it were one.
    most = f'"faults" * {1 / FAULTY_SHARE:g} > "n"'
    many = select('count("n") AS "v"', _faults_of(age_s), _SEVERAL, most)
    return select('sum("v") AS "v"', union(many, _results(age_s, ()), no_fault()))


def _scored(age_s: int) -> str:
    """How many fans have results: `v`, 0 too where nothing comes."""
    many = select('count("v") AS "v"', union(_results(age_s)))
    return select('sum("v") AS "v"', union(many, no_fault()))


def group(silent_s: int = SILENT_AFTER_S) -> Group:
    """All of them. Slower sensors need a longer `silent_s`, and with it the rest grows."""
    return Group("fans", "30s", (*_silent(silent_s), *_needs_you(2 * silent_s), _instrument()))


def _silent(silent_s: int) -> tuple[Rule, ...]:
    heard = _heard(silent_s)
    fleet = {"known": fans_of(heard), "reporting": _reporting(silent_s), **_flow(silent_s)}
    unusable = {"refused": _of_known(_REFUSED, silent_s), "late": _of_known(_LATE, silent_s)}
    out = {"out": out_of_service(_results(max(1200, 2 * silent_s)))}
    timely = "$fresh * 2 >= $arrived"
    return (
        Rule(
            name="fan-silent",
            title="Fan silent",
            # Most of the fleet reports, and what arrives is of now: so it is this fan, and not the way to here.
            queries={"heard": heard, **unusable, **out, **fleet},
            fires=(
                f"$heard == 0 && $refused == 0 && $late == 0 && $out >= 0 && $reporting * {SHARE} >= $known"
                f" && {timely}"
            ),
            reach_s=86_400,
            lasting=f"{silent_s}s",
            severity="warning",
            scope="fan",
            summary=f"{_FAN} is silent",
            description=(
                f"Nothing came from {_FAN} within the last {silent_s} s, not even what cannot be used, while most "
                "other fans report."
            ),
        ),
        Rule(
            name="readings-not-usable",
            title="Readings not usable",
            # It is heard, so neither its power nor its network is what is wrong.
            queries={"heard": heard, **unusable, **out, **_flow(silent_s)},
            fires=f"$heard == 0 && $out >= 0 && ($refused > 0 || $late > 0 && {timely})",
            reach_s=86_400,
            lasting=f"{silent_s}s",
            severity="warning",
            scope="fan",
            summary=f"{_FAN} sends, and nothing of it can be used",
            description=(
                f"{{{{ if gt .Values.refused.Value 0.0 }}}}What {_FAN} sends is refused: a sensor without a value, a "
                f"clock that is ahead, or another form; `fanwatch dead-letters list` says which.{{{{ else }}}}The "
                f"readings of {_FAN} come more than a minute after their own time: its clock is behind or stands "
                "still, or something keeps them on their way.{{ end }} It has power and a network."
            ),
        ),
        Rule(
            name="many-fans-silent",
            title="Many fans silent",
            queries=fleet,
            fires=f"$reporting > 0 && $reporting * {SHARE} < $known && {timely}",
            reach_s=86_400,
            lasting=f"{2 * silent_s}s",
            severity="critical",
            scope="pipeline",
            summary="More than half of the fans are silent",
            description=(
                "Of {{ .Values.known }} fans known in the last day only {{ .Values.reporting }} report. Something that "
                "they share has failed: a switch, a power line, a broker between. Single silent fans are not reported "
                "while this lasts."
            ),
        ),
    )


def _needs_you(age_s: int) -> tuple[Rule, ...]:
    """One rule for all that is wrong with a fan: its alert stays the same one while the fan gets worse."""
    fleet = {"faulty": _faulty(age_s), "scored": _scored(age_s)}
    few = f"($faulty < {MANY} || $faulty * 2 <= $scored)"
    return (
        Rule(
            name="fan-needs-you",
            title="Fan needs you",
            queries={
                "said": confirmed_severity(CONFIRMED, _results(age_s)),
                "share": _shares(age_s),
                **fleet,
            },
            fires=f"$said >= 0 && ($said > {_WARNED} || $share > {FAULTY_SHARE} && {few})",
            reach_s=31 * 86_400,
            lasting="30s",
            severity="critical",
            scope="fan",
            summary=f"{_FAN} needs you",
            description=(
                f"{{{{ if gt .Values.said.Value {_WARNED} }}}}forecast-fan expects {_FAN} to fail, or sees it stand "
                f"still; its row on dashboard Fleet says why, and until when.{{{{ else }}}}More than half of the "
                f"results of {_FAN} within the last {age_s} s are faults.{{{{ end }}}} You are told once, however "
                "much worse it gets."
            ),
        ),
        Rule(
            name="many-fans-faulty",
            title="Many fans faulty",
            queries=fleet,
            fires=f"$faulty >= {MANY} && $faulty * 2 > $scored",
            reach_s=31 * 86_400,
            lasting="30s",
            severity="critical",
            scope="pipeline",
            summary="More than half of the fans are said to be faulty",
            description=(
                "{{ .Values.faulty }} of {{ .Values.scored }} fans are said to be faulty at once: rather the model, or "
                "what all of them stand in, than the fans. Single faulty fans are not reported while this lasts."
            ),
        ),
    )


def _instrument() -> Rule:
    return Rule(
        name="instrument-alarm",
        title="Instrument alarm",
        queries={"said": last_severity()},
        fires=f"$said == {INSTRUMENT}",
        reach_s=31 * 86_400,
        lasting=CONFIRMED,
        severity="info",
        scope="fan",
        summary=f"A sensor of {_FAN} is broken, or nothing of it can be used",
        description=(
            f"forecast-fan does not believe a sensor of {_FAN}, or gets nothing from it that can be used; its row on "
            "dashboard Fleet says which. The fan may be well; nobody watches that signal."
        ),
    )
