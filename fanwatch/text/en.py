"""English. Texts have no full stop at their end; whoever puts them together adds it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from fanwatch.messages.timestamps import at_minute
from fanwatch.sensors import BY_NAME, SENSORS
from fanwatch.text.language import Language, Params

_MIN_MS, _HOUR_MS, _DAY_MS = 60_000, 3_600_000, 86_400_000


def _value(number: float, params: Params) -> str:
    return BY_NAME[params["sensor"]].text(number)


def _length(ms: float, _params: Params) -> str:
    """Minutes below two hours, hours from then on."""
    return f"{round(ms / _MIN_MS)} min" if ms < 2 * _HOUR_MS else f"{ms / _HOUR_MS:.0f} h"


def _spread(shown: list[float], params: Params) -> str:
    """Lowest, highest and mean: from where to where, for a mean of two levels is nothing that a sensor shows."""
    low, high, mean = (_value(each, params) for each in shown)
    return f"{low if low == high else f'{low} to {high}'}, {mean} on average"


def span(ms: float) -> str:
    """A length of time, to about a tenth of it: 45 s, 12 min, 7 h, 3 days."""
    if ms < 2 * _MIN_MS:
        return f"{round(ms / 1000)} s"
    if ms < 2 * _HOUR_MS:
        return f"{round(ms / _MIN_MS)} min"
    return f"{round(ms / _HOUR_MS)} h" if ms < 2 * _DAY_MS else f"{round(ms / _DAY_MS)} days"


def _values(values: Mapping[str, Any], _params: Params) -> str:
    shown = [f"{each.name} {values[each.name]:.6g}{each.suffix}" for each in SENSORS if each.name in values]
    return f", with {', '.join(shown)}" if shown else ""


def _lacking(params: Params) -> str:
    """`kind` is null, missing or text, of `sensors`, or of all; `lasting` of how it has been for some time."""
    sensors, every = params["sensors"], params.get("every")
    which, several = "every sensor" if every else " and ".join(sensors), len(sensors) > 1 and not every
    verb = ("have been" if several else "has been") if params.get("lasting") else "are" if several else "is"
    kind = {"text": "no number"}.get(params["kind"], params["kind"])
    return f"{which} {verb} {kind}"


def _outage(params: Params) -> str:
    what, shared = _OUTAGES[params["kind"]]
    began = f" since {at_minute(params['since'])}" if params.get("since") else ""
    back = f"; {params['again']:,} of them send again" if params.get("again") else ""
    return f"{params['gone']:,} of {params['known']:,} fans {what}{began}{back}: look at what they share ({shared})"


_OUTAGES: Final = {
    "silent": ("have sent nothing", "network, power, broker"),
    "stopped": ("have stood still", "power, control"),
    "silent or stopped": ("have stood still or sent nothing", "power, network, control"),
}
_WORDS: Final = {"also": "also", "hardly": "though hardly", "not": "though not"}

_OUTSIDE: Final = (
    "{sensor:lead} was {side} {edge:value}, beyond what healthy fans show, for about {share:percent}"
    " of the last 6 h"
)
_MOVED: Final = "for {length:length}, from {then:value} to {now:value} on average since {since:time}"
_DRIFT: Final = "The {sensor} sensor shows {shown:spread} since {since:time}"

TEXTS: Final[dict[str, str | Callable[[Params], str]]] = {
    # All is well, or nobody knows.
    "usual": "All sensors are as usual for this fan",
    "unheard": "Nothing is known of it yet",
    "known-since": "It is known only since {since:time}; it is judged once it is known for {needed:length}",
    "turned-since": "It last began to turn at {since:time}; it is judged once it has turned for {needed:length}",
    "turned-few": "It last began to turn at {since:time}; too few of its readings since then can be used to judge it",
    # The fan itself.
    "risen": f"{{sensor:lead}} has risen {_MOVED}",
    "fallen": f"{{sensor:lead}} has fallen {_MOVED}",
    "outside": _OUTSIDE,
    "often": "{sensor:lead} reads {way} more often than a healthy fan's would at the same load, {too:word} on average"
    " ({now:value} since {since:time}, usual {usual:value})",
    "often-unknown": "{sensor:lead} reads {way} more often than a healthy fan's would at the same load, {too:word} on"
    " average (it has no values of late)",
    "together": "the sensors together look like a fault that begins ({sensor:cause} on average {now:value} since"
    " {since:time}, usual {usual:value})",
    "together-unknown": "the sensors together look like a fault that begins ({sensor:cause} on average it has no values"
    " of late)",
    "outside-too": f", and {_OUTSIDE.replace(':lead', '')}",
    "while": ", while {sensor} was {now:value} where {usual:value} is usual",
    "while-since": ", while {sensor} was {now:value} on average since {since:time} where {usual:value} is usual",
    "alone": ", and no other sensor bears it out yet: the fan, or its sensor",
    "untold-old": "; when it will fail cannot be told from old readings",
    "untold-quiet": "; it has been quiet lately, so no time of failure is told",
    "untold-yet": "; when it will fail cannot be told yet",
    "not-trusted": lambda params: (
        "; not to be trusted: " + ", ".join(f"{sensor} ({cause})" for sensor, cause in params["faults"])
    ),
    "stopped-announced": "It has stood still since {since:time}, as its {sensor:cause} had announced",
    "stopped": "It has stood still since {since:time}; nothing had announced it, so it may have been switched off",
    "stood": "It has stood still since {since:time}",
    "stands-announced": "It stands still, as its {sensor:cause} had announced",
    "stands": "It stands still",
    "turned-again": ". It has turned again since {since:time}; the forecast takes half an hour to say so",
    # Its sensors.
    "stuck": "The {sensor} sensor has shown {value:value} unchanged for {length:length}: it is stuck",
    "zero": "The {sensor} sensor has shown 0 for {length:length} while the fan runs: it has dropped out",
    "spikes": "The {sensor} sensor has jumped again and again for {length:length}",
    "spikes-shown": "; since {since:time} it showed values from {low:value} to {high:value}",
    "mistaken": "What looked like a fault of the fan rests on one sensor alone. ",
    "drift-unseen": "The {sensor} sensor does not fit the other sensors",
    "drift-odd": f"{_DRIFT}, which does not fit the other sensors",
    "drift": f"{_DRIFT}, where {{usual:value}} is usual for this fan, and the other sensors do not bear it out",
    # Nothing comes, or nothing that can be used.
    "also": "; ",
    "before-that": "; before that, ",
    "silent": "nothing has come from it since {since:time}",
    "resumed": "It sends again; this ends once it has done so for half an hour",
    "before": ". Before: ",
    "come-again": "but its readings come again",
    "unusable": lambda params: f"{_lacking(params)}{_since(params)}, so its readings cannot be used",
    "lacking": _lacking,
    "refused": lambda params: f"its readings have been refused{_since(params)} ({params['error']})",
    "clock-off": lambda params: (
        f"its clock is {span(params['off'])} {params['way']}, so its readings cannot be used{_since(params)}"
    ),
    "clock-stands": "its clock stands still at {at:time}",
    "clock-behind": "its clock is {off:span} behind",
    "catches-up": "it sends readings of {off:span} ago, which it had kept, or its clock is wrong",
    "last-message": "; the last message came at {at:time}{values:values}",
    "last-reading": "; the last reading came at {at:time}{values:values}",
    "unscored-arriving": "Nothing was scored since {since:time}, though readings arrive: `fanwatch status` says what is"
    " away",
    "unscored": "Nothing was scored since {since:time}: ",
    "nobody": "neither this fan's readings nor any other's arrive",
    "others": "nothing comes from this fan, and what comes from others cannot be used",
    # What people did, and what came of it.
    "said": "{text:ended}",
    "lapsed": "; {by} had acknowledged it before it stopped",
    "ended": ". ",
    "out-of-service": "It is out of service until it turns",
    "closed": lambda params: (
        f"{params['by']} closed the episode of {at_minute(params['began'])}: {params['found']}"
        + (f" ({params['mode']})" if params.get("mode") else "")
    ),
    "retired": "Retired by {by}: it is watched no longer",
    "unreadable": "Its readings could not be worked up ({error}); the log of forecast-fan says more",
    # Why nobody is judged.
    "no-store": "The store is off (FANWATCH_NO_STORE), and without it no fan can be judged",
    "never-judged": "forecast-fan has not judged any fan yet",
    "not-judged-since": "forecast-fan has not judged any fan since {since:time}",
    "left-behind": "It has not been judged since {since:time}, as forecast-fan has not got to it since",
    "not-judged-yet": "forecast-fan has not judged it yet; it judges all fans every ten minutes",
    "was-not-judged": "It has not been judged since {since:time}",
    # Most of the fleet.
    "outage": _outage,
}


def _since(params: Params) -> str:
    return f" since {at_minute(params['since'])}" if params.get("since") else ""


_SENTENCES: Final = [
    "silent",
    "unusable",
    "refused",
    "clock-off",
    "clock-stands",
    "clock-behind",
    "catches-up",
]

LANGUAGE: Final = Language(
    texts=TEXTS,
    forms={
        "time": lambda ms, _params: at_minute(ms),
        "value": _value,
        "length": _length,
        "span": lambda ms, _params: span(ms),
        "spread": _spread,
        "values": _values,
        "percent": lambda share, _params: f"{share:.0%}",
        "word": lambda word, _params: _WORDS[word],
        "ended": lambda text, _params: str(text).strip().removesuffix("."),
    },
    sentences=frozenset(_SENTENCES),
    openers=frozenset(("before",)),
)
