"""`python -m benchmarks.dashboards` says how long a store takes for each query of a dashboard.

It gives the rows and the best of three, for a query that shares the machine with something else says nothing of
itself.
"""

import argparse
import sys
import time
from typing import Any

from benchmarks.grafana import Source, committed, panels, settings
from fanwatch.errors import FanwatchError
from fanwatch.settings import StoreSettings
from fanwatch.store.influx import Store

_RUNS = 3


def main() -> int:
    """0, or 1 where the store cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboards", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8086", help="InfluxDB")
    parser.add_argument("--database", default=StoreSettings().influx_database)
    parser.add_argument("--dashboard", default="fanwatch-fleet", choices=committed(), help="its uid")
    parser.add_argument("--span", default="24h", help="the range, such as 24h or 30d")
    parser.add_argument("--now", type=int, help="its end in ms since the epoch; by default now")
    parser.add_argument("--fan", action="append", default=[], help="a chosen fan")
    chosen = parser.parse_args()
    dashboard = committed()[chosen.dashboard]
    store = Store(StoreSettings(influx_url=chosen.url, influx_database=chosen.database, influx_timeout=60.0))
    slowest = total = 0.0
    try:
        source = Source(store, dashboard, fans=chosen.fan, now_ms=chosen.now, span=chosen.span)
        asked: list[tuple[str, str, dict[str, Any]]] = [
            (f"${variable['name']}", variable["query"], {}) for variable in dashboard["templating"]["list"]
        ]
        for panel in panels(dashboard):
            for target in panel["targets"]:
                asked.append((f"{panel['title']}, {target['refId']}", target["query"], settings(panel)))
        for name, query, width in asked:
            took = []
            for _ in range(_RUNS):
                began = time.perf_counter()
                rows = len(source.query(query, **width))
                took.append(time.perf_counter() - began)
            slowest, total = max(slowest, min(took)), total + min(took)
            print(f"{min(took):7.3f} s {rows:7} rows  {name}")
    except FanwatchError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{slowest:7.3f} s the slowest, {total:.3f} s all {len(asked)}, over {chosen.span}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
