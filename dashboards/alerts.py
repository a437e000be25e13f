"""The alerting files that Grafana is provisioned with, made from code: rules, contact points and policy.

`python -m dashboards.alerts --silent-after 10m --into DIRECTORY` writes them for sensors that send more seldom.
"""

import argparse
from pathlib import Path
from typing import Any, Final

import yaml

from dashboards import alerts_fans, alerts_forecast, alerts_pipeline, alerts_routing, alerts_upkeep
from dashboards.alerts_model import Group, Rule
from fanwatch.settings import duration_ms

DIRECTORY: Final = Path("infra/grafana/provisioning/alerting")
_ROOT: Final = Path(__file__).resolve().parents[1]
_HEAD: Final = "# Made by `python -m dashboards`; change dashboards/alerts*.py and run it again.\n"


def groups(silent_s: int = alerts_fans.SILENT_AFTER_S) -> tuple[Group, ...]:
    """All groups of rules; `silent_s` seconds without a reading make a fan silent."""
    return (
        alerts_fans.group(silent_s),
        alerts_forecast.group(),
        alerts_pipeline.group(silent_s),
        alerts_upkeep.group(),
    )


def rules(silent_s: int = alerts_fans.SILENT_AFTER_S) -> tuple[Rule, ...]:
    """All rules."""
    return tuple(rule for group in groups(silent_s) for rule in group.rules)


def files(directory: Path = DIRECTORY, silent_s: int = alerts_fans.SILENT_AFTER_S) -> dict[Path, str]:
    """The text of each file, by its path below the checkout."""
    return {
        directory / "rules.yaml": _text(
            {"apiVersion": 1, "groups": [group.content() for group in groups(silent_s)]}
        ),
        directory / "contact-points.yaml": _text(alerts_routing.contact_points()),
        directory / "policies.yaml": _text(alerts_routing.policies()),
    }


class _Plain(yaml.SafeDumper):
    """Without anchors, which Grafana would read and people would not."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(content: dict[str, Any]) -> str:
    return _HEAD + yaml.dump(content, Dumper=_Plain, sort_keys=False, width=110, allow_unicode=True)


def main() -> None:
    """Writes the files."""
    parser = argparse.ArgumentParser(description="Write Grafana's alerting files.")
    parser.add_argument(
        "--into", type=Path, default=_ROOT / DIRECTORY, help="directory; by default the committed one"
    )
    parser.add_argument(
        "--silent-after", type=duration_ms, default=60_000, help="such as 1m (default) or 10m"
    )
    chosen = parser.parse_args()
    chosen.into.mkdir(parents=True, exist_ok=True)
    for path, text in files(chosen.into, max(1, chosen.silent_after // 1000)).items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
