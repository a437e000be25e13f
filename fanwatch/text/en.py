"""English. A text has no full stop at its end; whoever puts texts together adds it."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from fanwatch.sensors import SENSORS
from fanwatch.text.language import Language, Params

_MIN_MS, _HOUR_MS, _DAY_MS = 60_000, 3_600_000, 86_400_000

_OUTSIDE: Final = (
    "{sensor:lead} was {side:word} {edge:value}, beyond what healthy fans show, for about {share:percent} of the"
    " last 6 h"
)
_MOVED: Final = "for {length:length}, from {then:value} to {now:value} on average since {since:time}"
_OFTEN: Final = (
    "{sensor:lead} reads {way:word} more often than a healthy fan's would at the same load, {too:word} on"
    " average"
)
_TOGETHER: Final = "the sensors together look like a fault that begins"
_DRIFT: Final = "The {sensor} sensor shows {shown:spread} since {since:time}"
_SHARED_ID: Final = "uses the id {id}, and each ends the other's connection"

FANS: Final = {
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
    "often": f"{_OFTEN} ({{now:value}} since {{since:time}}, usual {{usual:value}})",
    "often-unknown": f"{_OFTEN} (it has had no values lately)",
    "together": f"{_TOGETHER} ({{sensor:cause}} on average {{now:value}} since {{since:time}}, usual {{usual:value}})",
    "together-unknown": f"{_TOGETHER} ({{sensor:cause}} has had no values lately)",
    "outside-too": f", and {_OUTSIDE.replace(':lead', '')}",
    "while": ", while {sensor} was {now:value} where {usual:value} is usual",
    "while-since": ", while {sensor} was {now:value} on average since {since:time} where {usual:value} is usual",
    "alone": ", and no other sensor shows it yet: it may be the fan or this sensor",
    "untold-old": "; when it will fail cannot be told from old readings",
    "untold-quiet": "; it has been quiet lately, so no time of failure is told",
    "untold-yet": "; when it will fail cannot be told yet",
    "not-trusted": "; not to be trusted: {faults:faults}",
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
    "drift": f"{_DRIFT}, where {{usual:value}} is usual for this fan, and the other sensors do not show the same",
    # Nothing comes, or nothing that can be used.
    "also": "; ",
    "before-that": "; before that, ",
    "silent": "nothing has come from it since {since:time}",
    "resumed": "It sends again; this ends once it has done so for half an hour",
    "before": ". Before: ",
    "come-again": "but its readings come again",
    "unusable": "{sensors:lacking}{since:since}, so its readings cannot be used",
    "lacking": "{sensors:lacking}",
    "refused": "its readings have been refused{since:since}{error:brackets}",
    "clock-off": "its clock is {off:span} {way:word}, so its readings cannot be used{since:since}",
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
    "closed": "{by} closed the episode of {began:time}: {found:found}",
    "closed-before": "{by} has closed it on {at:time} as {found:found}{note:colon}. ",
    "retired": "Retired by {by}: it is watched no longer",
    "unreadable": "Its readings could not be processed{error:brackets}; the log of forecast-fan says more",
    # Why nobody is judged.
    "no-store": "The store is off (FANWATCH_NO_STORE), and without it no fan can be judged",
    "store-away": "The store does not answer, so it is not known whether any fan was judged",
    "never-judged": "forecast-fan has not judged any fan yet",
    "not-judged-since": "forecast-fan has not judged any fan since {since:time}",
    "left-behind": "It has not been judged since {since:time}, as forecast-fan has not got to it since",
    "not-judged-yet": "forecast-fan has not judged it yet; it judges all fans every ten minutes",
    "was-not-judged": "It has not been judged since {since:time}",
    "not-judged": "{count:number} of {fans:number} fans {count:is|are} not judged",
    # Most of the fleet.
    "outage": "{gone:number} of {known:number} fans {kind:outage}{since:since}{again:again}: look at what they share"
    " ({kind:shared})",
    "most-silent": "Most fans are silent",
    "most-stopped": "Most fans stand still",
    "most-both": "Most fans are silent or stand still",
}
"""What is said of fans: the reasons of alarms, and why there is no verdict."""

PAGE: Final = {
    "state-stopped": "Stopped",
    "state-alarm": "Alarm",
    "state-suspect": "Suspect",
    "state-warning": "Warning",
    "state-instrument": "Sensor fault",
    "state-silent": "Silent",
    "state-unknown": "Not judged",
    "state-out-of-service": "Out of service",
    "state-ok": "Healthy",
    "means-stopped": "The fan has failed and does not turn",
    "means-alarm": "Failure is close, or the risk of it is high",
    "means-suspect": "Most of the last readings were scored as faulty, or it does not turn, and no alarm says why",
    "means-warning": "Something has begun to change; there is time to look",
    "means-instrument": "A sensor cannot be believed. It says nothing about the fan itself",
    "means-silent": "No readings come from this fan",
    "means-unknown": "Nobody knows whether it is well: forecast-fan could not judge it",
    "means-out-of-service": "Its episode was closed and it has not turned since. It needs nobody until it does",
    "means-ok": "forecast-fan has judged it, and found nothing unusual",
    "cause-stuck": "{sensor:which} sensor is stuck",
    "cause-zero": "{sensor:which} sensor reads zero",
    "cause-drift": "{sensor:which} sensor does not fit the others",
    "cause-spikes": "{sensor:which} sensor throws spikes",
    "cause-other": "{sensor:which} sensor cannot be believed",
    "cause-silent": "The fan sends nothing",
    "cause-refused": "The fan sends what cannot be used",
    "cause-not-sent": "{sensor:label} is not sent",
    "cause-clock": "The fan has a wrong clock",
    "cause-resumed": "The fan sends again",
    "scored-faulty": "Most of the last readings were scored as faulty",
    "stands-unsaid": "It does not turn; the forecast has not said yet what that means",
    "stands-now": "It does not turn just now",
    "stands-well": "It does not turn just now, and was well while it turned",
    "silent-unjudged": "It was not judged before",
    "silent-no-risk": "It was not judged when it was last heard of",
    "silent-well": "It was well when it was last heard of",
    "raised": "Its risk is raised, though not enough for a warning",
    # The fan that needs somebody first; its name stands before, and when it fails behind.
    "lead-stopped": "has stopped",
    "lead-stopped-announced": "has stopped, as its {about} had announced",
    "lead-fails": "is likely to fail{about:brackets}",
    "lead-alarm": "raises an alarm{about:brackets}",
    "lead-may-fail": "may fail{about:brackets}",
    "lead-warning": "gives a warning{about:brackets}",
    "lead-stands": "does not turn",
    "lead-faulty": "gives readings that are scored as faulty{about:brackets}",
    "lead-instrument": "cannot be judged: {about}",
    "lead-silent": "has gone silent",
}
"""What the page calls states and causes, and what it says of a fan itself."""

PARTS: Final = {
    "does-broker": "Takes the fans’ readings, and keeps them until they are scored",
    "does-connector": "Hands readings to the functions, and acknowledges them once their result is out",
    "does-gateway": "Calls the functions",
    "does-scoring": "The functions that judge readings",
    "does-forecast": "Looks at each fan’s history, and announces failures before they happen",
    "does-collector": "Writes readings, results and alarms to the store",
    "does-store": "Keeps the history",
    "does-machine": "What all of it runs on",
    "answers": "It answers",
    "answers-working": "It answers. It is working on {count:number} {count:reading|readings}",
    "not-heard": "Nothing was heard of it within the last two minutes",
    "readings-wait": "It does not answer. Readings wait in the broker until it is back",
    "not-scored": "It does not answer. Nothing is scored until it is back",
    "gateway-away": "Not known while the gateway does not answer",
    "dropped": "Messages dropped within {minutes} minutes, for its queue was full: {count:number}",
    "backlog": "It keeps {count:number} messages for a part that is away or behind",
    "connector-paused": "Functions fail, so it waits before it tries again",
    "no-function": "{count:number} {count:reading waits|readings wait} for a function that is not deployed",
    "forecast-unknown": "It has not run within the last two hours. Is forecast-fan deployed?",
    "looked": "It looked at {fans:number} {fans:fan|fans} {ago:minutes} ago. ",
    "looked-late": "It is due every few minutes; no fan is judged",
    "looked-failed": "{count:number} {count:fan|fans} could not be processed: see its log",
    "looked-behind": "{count:number} {count:fan was|fans were} left for its next run, for there was no time",
    "collector-silent": "It has stored nothing of itself for two minutes. Is Telegraf running?",
    "collector-idle": "It runs, and stores nothing. Its log says why",
    "collector-stores": "It stores what comes in",
    "certificate-page": "The certificate of {name} ends in {days:number} {days:day|days}: `fanwatch certs page`",
    "certificate": "The certificate of {name} ends in {days:number} {days:day|days}: `fanwatch certs rotate`",
    "machine": "Processor {cpu:number} %, memory {memory:number} %, disk {disk:number} % in use",
    "off-knows-little": "So this page knows little; `fanwatch status` counts what is scored",
    "store-knows-little": "The store does not answer, so this page knows little. Readings wait in the broker"
    " meanwhile, and are stored once it is back",
    "id-telegraf": f"Another Telegraf {_SHARED_ID}: end one of them; a broker has room for one with these ids",
    "id-connector": f"Another client {_SHARED_ID}: end it, or set FANWATCH_CONNECTOR_ID to an id of its own",
    "id-shared": "Two clients use the id {id}, and each ends the other's connection: give one of them an id of its own",
    # Whether every reading was scored.
    "came-past": "What comes in now is of the past, and only readings of the last {minutes} minutes are counted here:"
    " this begins once the fans have caught up. The connector’s own counts go on",
    "came-none": "No reading has come in within the last {minutes} minutes",
    "came-unusable": "Nothing that could be used has come in within the last {minutes} minutes",
    "came": "{count:number} {count:reading|readings} came in within the last {minutes} minutes",
    "came-all": ", and every one of them was scored",
    "came-waiting": ". {count:number} {count:has|have} no result yet; the broker keeps what is not scored",
    "came-scored": ". {count:number} {count:was|were} scored",
    "unused": "{count:number} {count:reading|readings} of the last {minutes} minutes could not be used{why:colon}",
    "came-dead": ". {count:number} could not be used{why:colon}",
}
"""What is said of the parts of the pipeline, and of the readings that went through."""

_GONE: Final = {
    "silent": ("have sent nothing", "network, power, broker"),
    "stopped": ("have stood still", "power, control"),
    "silent or stopped": ("have stood still or sent nothing", "power, network, control"),
}


class English(Language):
    """The language of `why`, and of whoever has chosen no other."""

    texts: ClassVar = {**FANS, **PAGE, **PARTS}
    words: ClassVar = {
        "hardly": "though hardly",
        "not": "though not",
        "unknown": "not judged",
        "out-of-service": "out of service",
    }
    parts: ClassVar = frozenset(
        ("silent", "unusable", "refused", "clock-off", "clock-stands", "clock-behind", "catches-up")
    )
    optional: ClassVar = Language.optional | {"since", "again", "values"}
    openers: ClassVar = frozenset(("before",))

    def length(self, ms: float, _params: Params) -> str:
        """Minutes below two hours, hours from then on."""
        return f"{round(ms / _MIN_MS)} min" if ms < 2 * _HOUR_MS else f"{ms / _HOUR_MS:.0f} h"

    def span(self, ms: float, _params: Params) -> str:
        """A length of time, to about a tenth of it: 45 s, 12 min, 7 h, 3 days."""
        if ms < 2 * _MIN_MS:
            return f"{round(ms / 1000)} s"
        if ms < 2 * _HOUR_MS:
            return f"{round(ms / _MIN_MS)} min"
        return f"{round(ms / _HOUR_MS)} h" if ms < 2 * _DAY_MS else f"{round(ms / _DAY_MS)} days"

    def minutes(self, count: float, _params: Params) -> str:
        return "less than a minute" if count < 1 else f"{count:.0f} minute{'' if round(count) == 1 else 's'}"

    def since(self, ms: int, params: Params) -> str:
        return f" since {self.time(ms, params)}"

    def again(self, count: int, _params: Params) -> str:
        return f"; {count:,} of them send again"

    def which(self, sensor: str, params: Params) -> str:
        return self.label(sensor, params) or "A"

    def spread(self, shown: list[float], params: Params) -> str:
        """Lowest, highest and mean: from where to where, for a mean of two levels is nothing that a sensor shows."""
        low, high, mean = (self.value(each, params) for each in shown)
        return f"{low if low == high else f'{low} to {high}'}, {mean} on average"

    def values(self, values: Mapping[str, Any], _params: Params) -> str:
        shown = [
            f"{each.name} {values[each.name]:.6g}{each.suffix}" for each in SENSORS if each.name in values
        ]
        return f", with {', '.join(shown)}" if shown else ""

    def faults(self, faults: list[tuple[str, str]], _params: Params) -> str:
        return ", ".join(f"{sensor} ({cause})" for sensor, cause in faults)

    def lacking(self, sensors: list[str], params: Params) -> str:
        """`kind` is null, missing or text, of these sensors, or of all; `lasting` of how it has been for some time."""
        every = params.get("every")
        which, several = "every sensor" if every else " and ".join(sensors), len(sensors) > 1 and not every
        verb = (
            ("have been" if several else "has been") if params.get("lasting") else "are" if several else "is"
        )
        kind = {"text": "no number"}.get(params["kind"], params["kind"])
        return f"{which} {verb} {kind}"

    def found(self, found: str, params: Params) -> str:
        """What an episode was, as somebody has said."""
        details = ", ".join(self.word(params[name], params) for name in ("mode", "outcome") if name in params)
        return f"{self.word(found, params)} ({details})" if details else self.word(found, params)

    def outage(self, kind: str, _params: Params) -> str:
        return _GONE[kind][0]

    def shared(self, kind: str, _params: Params) -> str:
        return _GONE[kind][1]


LANGUAGE: Final = English
