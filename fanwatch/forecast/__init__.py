"""The streaming forecast: readings in ten-minute bins in, one verdict a fan out. numpy and msgspec only.

    model = open_model("models/fan-forecast/1", pin)        # or BoxRule(), which needs no bundle
    fleet = Fleet(model, ["fan-01", "fan-02"])
    fleet.unpack(0, stored)                                  # states saved by fleet.pack(0)
    fleet.advance(Bins(start_ms, fans, mean, last, low, high, values, zeros))   # bin after bin
    fleet.verdict(0).why

Fans may be at different bins; `advance` takes any part of the fleet, ignores bins that a fan has had, and takes bins
that are missing as bins in which nothing came. Only whole bins count: do not hand in one that has not ended.
"""

from fanwatch.forecast.bins import BIN_MS, PLAUSIBLE, Bins, gather, no_bins
from fanwatch.forecast.bundle import open_model
from fanwatch.forecast.fleet import Fleet
from fanwatch.forecast.memory import STATE_VERSION, StateError
from fanwatch.forecast.model import BoxRule, ForecastModel, Machine, Scores
from fanwatch.forecast.verdict import ORDER, Verdict

__all__ = [
    "BIN_MS", "ORDER", "PLAUSIBLE", "STATE_VERSION", "Bins", "BoxRule", "Fleet", "ForecastModel", "Machine", "Scores",
    "StateError", "Verdict", "gather", "no_bins", "open_model",
]  # fmt: skip
