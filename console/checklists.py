"""What somebody can look at first. A forecast names the sensor, not the part that is worn; so do these lists."""

from typing import Final

from console.live.states import Now

SAFETY: Final = "Stop the fan and lock it out before you open a guard or reach in."

_RUNNING: Final = {
    "vibration": (
        "Listen at both bearings with the fan running: grinding is a bearing, a hum that grows with speed imbalance.",
        "Compare the temperatures of both bearings from outside; one that is clearly hotter is worn or has no grease.",
    ),
    "temperature": (
        "Measure the motor’s current in each phase: unequal or high currents point to the motor or its supply.",
        "Feel for heat at the bearings and the belt or coupling: friction heats one spot, overload the whole motor.",
        "Compare with the other fans near by: if all are warm, it is the air and not this fan.",
    ),
    "rotation": (
        "See whether somebody has set another speed on purpose; then close this as a false alarm.",
        "Measure the supply’s voltage and the motor’s current under load.",
    ),
    "sound": (
        "Listen where it comes from: a bearing grinds, a blade that touches scrapes, a blocked inlet whistles.",
    ),
}
"""What can be told of a fan that runs only: nobody starts one that has stopped to listen to it."""
_ANY: Final = {
    "vibration": (
        "Look for dirt on the blades, a lost balance weight or a bent blade.",
        "Check that the feet, the coupling and the guard are tight; loose bolts show as vibration first.",
    ),
    "temperature": ("See that the cooling openings are free and nothing holds the motor’s own fan.",),
    "rotation": (
        "Look for something in the inlet, a clogged filter or a closed damper.",
        "Check the belt’s tension and look for slip; at a direct drive, the coupling.",
    ),
    "sound": (
        "Look for something in the inlet or between blades and housing.",
        "Check the grease of the bearings and when they were last serviced.",
        "Tighten guard and panels: a loose one rattles, and is no fault of the fan.",
    ),
}
_NO_SENSOR_RUNNING: Final = ("Walk past and listen: does it turn, and does it sound as it always does?",)
_NO_SENSOR: Final = (
    "Compare its four signals below with the healthy ranges; the one that left first says where to look.",
)
_INSTRUMENT: Final = {
    "stuck": (
        "Tap the sensor or let the fan change its speed: a value that does not move at all is stuck.",
        "Unplug it and plug it in again; see whether the converter or gateway has frozen.",
        "Swap it with a spare one and see whether the value moves.",
    ),
    "zero": (
        "Check plug and cable first: zero is what a broken wire gives.",
        "Measure whether the sensor has its supply voltage.",
        "If the fan itself stands still, this is no fault of the sensor.",
    ),
    "drift": (
        "Check that its unit is the one expected here, and that no other sender uses this fan’s name.",
        "Compare with a hand-held instrument at the same spot.",
        "See whether the sensor is loose, dirty or has become wet.",
        "Calibrate or change it; until then the forecast does without it.",
    ),
    "spikes": (
        "Look for a loose plug or a cable that runs beside a motor’s or a drive’s.",
        "Check shield and earth of the cable.",
        "Change the sensor if the spikes stay.",
    ),
    "silent": (
        "See whether the fan’s sender has power and its network.",
        "Are other fans silent too? Then look at the network or the gateway they share.",
        "Restart the sender; its readings turn up here within seconds.",
    ),
    "refused": (
        "The sender has power and its network: look at what it sends. Pipeline shows it, with the reason.",
        "Where one sensor is named, check its plug and cable, and whether the sender can read it.",
        "Where no sensor is named, look at the sender’s settings, or whether its firmware has changed.",
    ),
    "clock": (
        "Set the sender’s clock, or let it get the time from the network.",
        "Does its time have an offset or a Z? Without one it is read in the time zone that the pipeline is set to.",
        "Is the clock wrong again after a restart? Then its battery is empty.",
    ),
    "resumed": (
        "Nothing has to be done now. See whether its sender or network was worked on, or fails at times.",
    ),
}
_STOPPED: Final = (
    "Do not simply start it again: find out first why it stopped.",
    "See whether a protection has tripped, and note which.",
    "Turn the rotor by hand, locked out: it must turn freely and without a sound.",
)


def looks(now: Now) -> tuple[str, ...]:
    """What to look at first at this fan, in order; empty where nothing is wrong."""
    alarm = now.alarm
    if now.state in ("ok", "unknown", "out-of-service"):
        return ()
    if now.state == "silent":
        return _INSTRUMENT["silent"]
    if now.state == "instrument":
        told = alarm.cause if alarm and alarm.state == "instrument" else now.heard and now.heard.cause
        return _INSTRUMENT.get(told or "", ())
    sensor = now.cause if now.state == "suspect" or alarm is None else alarm.cause
    anyway = _ANY.get(sensor or "", _NO_SENSOR)
    if now.state == "stopped" or now.standing:
        return (*_STOPPED, *anyway)
    return (*_RUNNING.get(sensor or "", _NO_SENSOR_RUNNING), *anyway)
