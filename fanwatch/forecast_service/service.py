"""forecast-fan as it is called: a run for an empty body, a command for JSON."""

import time

import msgspec
from prometheus_client import Counter, Gauge

from fanwatch.broker import Publisher
from fanwatch.errors import FanwatchError, Unavailable
from fanwatch.forecast import ForecastModel
from fanwatch.forecast_service.commands import Commands
from fanwatch.forecast_service.publisher import Announcer
from fanwatch.forecast_service.requests import Retirement, decode_request
from fanwatch.forecast_service.run import Run, Summary
from fanwatch.logs import Log
from fanwatch.messages.alarm import encode_alarm
from fanwatch.notify.webhook import Webhook
from fanwatch.settings import (
    BrokerSettings,
    ForecastSettings,
    ReadingSettings,
    StoreSettings,
    duration_ms,
    load,
)
from fanwatch.store.influx import Refused, Store
from fanwatch.store.lease import FORECAST, Lease, LeaseHeld, Lost

LEASE_S = 30.0
"""Longer than any run may take."""
_RUN_PATIENCE_S = 1.0
_COMMAND_PATIENCE_S = 6.0
_CONNECT_S = 2.0

_RUNS = Counter("fanwatch_forecast_runs_total", "Runs of the forecast", ["outcome"])
for _outcome in ("done", "skipped", "failed"):
    _RUNS.labels(_outcome)  # there from the start, so that a first one is seen as a step
_PUBLISHED = Counter("fanwatch_forecast_alarms_total", "Alarms published")
_FANS = Gauge("fanwatch_forecast_fans", "Fans watched at the last run")
_FAILED = Gauge("fanwatch_forecast_failed_fans", "Fans that the last run could not work up")
_BEHIND = Gauge("fanwatch_forecast_behind_fans", "Fans that the last run has left for the next one")
_SECONDS = Gauge("fanwatch_forecast_seconds", "How long the last run took")


class Service:
    """One process of the function. Its parts are safe to share between threads."""

    def __init__(self, model: ForecastModel) -> None:
        """SettingsError for what cannot be used."""
        self._model, self._log = model, Log("forecast-fan")
        self._settings = load(ForecastSettings)
        readings = load(ReadingSettings)
        self._kept_ms, self._timezone = duration_ms(readings.raw_retention), readings.rules.timezone
        self._store = Store(load(StoreSettings))
        self._publisher = Publisher(load(BrokerSettings), self._log, name="forecast-fan")
        self._announcer = Announcer(self._publisher)
        self.webhook = Webhook(self._settings, self._store, self._log)

    def warm(self) -> None:
        """Connects to the broker; one that is away is no reason not to start."""
        self._publisher.wait_connected(_CONNECT_S)

    def close(self) -> None:
        """Leaves the broker."""
        self._publisher.stop()

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """Status and JSON; errors have a status of their own, and a sentence."""
        try:
            now_ms = time.time_ns() // 1_000_000
            request = decode_request(body, now_ms)
            if request is None:
                return 200, msgspec.json.encode(self._run())
            with Lease(self._store, LEASE_S, FORECAST).acquire(_COMMAND_PATIENCE_S):
                commands, since_ms = Commands(self._store, self._announcer), now_ms - self._kept_ms
                if isinstance(request, Retirement):
                    alarm = commands.retire(request, now_ms, since_ms)
                else:
                    alarm = commands.follow(request, now_ms, since_ms)
            self._log.info("command followed", action=request.action, episode=alarm.episode, by=request.by)
            return 200, encode_alarm(alarm)
        except LeaseHeld as error:
            return 503, _said(f"A run is at work; try again in a few seconds. ({error})")
        except (Refused, Lost) as error:
            # Whatever it is that InfluxDB refuses or takes too long for, later may be better.
            return Unavailable.status, _said(str(error))
        except FanwatchError as error:
            return error.status, _said(str(error))

    def _run(self) -> Summary:
        lease = Lease(self._store, LEASE_S, FORECAST)
        run = Run(
            self._store,
            self._announcer,
            self._model,
            self._settings,
            self._kept_ms,
            self._timezone,
            self._log,
        )
        try:
            with lease.acquire(_RUN_PATIENCE_S):
                run.work(lease.keep, lease.require)
                self.webhook.tell(run.fleet.values(), time.time_ns() // 1_000_000, run.scored)
        except LeaseHeld as error:
            _RUNS.labels("skipped").inc()
            return Summary(skipped=str(error))
        except FanwatchError as error:
            _RUNS.labels("failed").inc()
            self._log.warning("run failed", error=str(error))
            raise
        self._count(run.summary)
        return run.summary

    def _count(self, summary: Summary) -> None:
        _RUNS.labels("done").inc()
        _PUBLISHED.inc(summary.published)
        for gauge, value in (
            (_FANS, summary.fans),
            (_FAILED, len(summary.failed)),
            (_BEHIND, summary.behind),
            (_SECONDS, summary.seconds),
        ):
            gauge.set(value)
        self._log.info("run done", **msgspec.structs.asdict(summary))


def _said(error: str) -> bytes:
    return msgspec.json.encode({"error": error})
