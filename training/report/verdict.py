"""The one sentence that a report comes to, and how good the news is."""

from training.report.subject import Subject

_TOO_GOOD = 0.995
_STRANGER = 0.03
"""Accuracy that may be lost on unseen devices before a reader must know it."""


def judge(subject: Subject) -> tuple[str, str]:
    """A sentence, and its tone: good, careful or bad."""
    accuracy = subject.metrics.accuracy
    given = [leak for leak in subject.leaks if leak.given_away and leak.learned_from]
    if given:
        return (
            f"Do not trust these figures: {given[0].column} alone tells the label for {percent(given[0].accuracy)} of"
            " the readings, so the label was probably made from it, and the model has only learned that rule.",
            "bad",
        )
    faulty = subject.table.faulty[subject.rows]
    guess = max(float(faulty.mean()), 1 - float(faulty.mean()))
    low = subject.sure["accuracy"][0]
    if low <= guess:
        return (
            f"It is of no use: it is right for {percent(accuracy)} of {subject.metrics.n:,} readings, and always"
            " giving"
            f" the commoner answer would be for {percent(guess)}.",
            "bad",
        )
    said = [f"{_found(subject)}{_beside(subject)}"]
    tone = "good"
    table = subject.table.quality
    if len(table.devices) > 1 and len(table.one_sided) == len(table.devices):
        tone = "careful"
        said.append(
            "but no device in this file ever changes its label, so it cannot be told whether the model knows faults or"
            " only devices"
        )
    elif accuracy >= _TOO_GOOD:
        tone = "careful"
        said.append("which is rarely true of real fans: look for how the labels were made")
    strangers, boosting = (
        subject.strangers,
        next((r for r in subject.baselines if r.name == "Gradient boosting"), None),
    )
    if (
        strangers
        and boosting
        and boosting.metrics.accuracy - strangers.accuracy > _STRANGER
        and tone == "good"
    ):
        tone = "careful"
        said.append(
            f"but on devices that it has not seen, expect less: the same data give {percent(strangers.accuracy)} there"
            f" instead of {percent(boosting.metrics.accuracy)}"
        )
    if any(baseline.verdict == "better" for baseline in subject.baselines) and tone == "good":
        tone = "careful"
    return ("Fit for use: " if tone == "good" else "Usable with care: ") + "; ".join(said) + ".", tone


def percent(value: float) -> str:
    """A share for people; never 100 % of what is not whole."""
    shown = f"{value * 100:.1f} %"
    if shown == "100.0 %" and value < 1:
        return "over 99.9 %"
    return "under 0.1 %" if shown == "0.0 %" and value > 0 else shown.replace(".0 %", " %")


def in_1000(value: float) -> str:
    """A rare share for people, as a number in 1,000."""
    return "none" if value == 0 else f"{value * 1000:.1f} in 1,000"


def _found(subject: Subject) -> str:
    recall, alarms = subject.metrics.recall, subject.false_alarms
    unseen = "it had not seen" if subject.trained else f"of {subject.source}"
    parts = []
    if recall is not None:
        parts.append(f"finds {percent(recall)} of the faulty ones")
    if alarms is not None:
        often = f"{alarms * 1000:.1f} of 1,000" if alarms < 0.1 else f"{alarms * 100:.0f} of 100"
        parts.append(f"calls {often} healthy ones faulty" if alarms else "calls no healthy one faulty")
    return f"of {subject.metrics.n:,} readings {unseen}, it {' and '.join(parts)}"


def _beside(subject: Subject) -> str:
    if not subject.baselines:
        return ""
    better = [baseline for baseline in subject.baselines if baseline.verdict == "better"]
    equal = [baseline.named for baseline in subject.baselines if baseline.verdict == "as good"]
    if better:
        best = max(better, key=lambda baseline: -baseline.gain)
        return f"; {best.named} is right for {percent(-best.gain)} more of the same readings"
    if equal:
        return f"; {' and '.join(equal)} {'does' if len(equal) == 1 else 'do'} as well, none does better"
    return "; none of the methods beside it does as well"
