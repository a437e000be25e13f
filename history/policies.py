"""How long points are kept: infra/influxdb/policies.yaml, and the settings that override it."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from fanwatch.errors import SettingsError
from fanwatch.messages.refusals import in_words
from fanwatch.settings import HistorySettings, ReadingSettings, duration_ms, load
from fanwatch.store.influx import MEANS, RAW

_OVERRIDES = {RAW: "FANWATCH_RAW_RETENTION", MEANS: "FANWATCH_MEANS_RETENTION"}
_HOUR_MS = 3_600_000
_SHORTEST_SHARD_MS = _HOUR_MS


class Policy(msgspec.Struct, frozen=True):
    """One retention policy, or bucket; all times in ms, in whole hours."""

    name: str
    keep_ms: int
    """How long a point is kept at least, margin and all."""
    shard_ms: int
    """How much is dropped at once, on 1.x."""


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keep: str
    margin: str
    shard: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    raw: _Entry
    means: _Entry


def read(environment: Mapping[str, str]) -> dict[str, Policy]:
    """The policies by name, `raw` first. SettingsError for a file or a setting that cannot be used."""
    # Only the set-up reads YAML; the process that goes on computing means shall stay small.
    import yaml

    path = Path(load(HistorySettings, environment).policies)
    if not path.is_absolute():
        path = Path(__file__).resolve().parents[1] / path
    try:
        found = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), _File)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        refused = isinstance(error, msgspec.ValidationError | UnicodeDecodeError)
        said = in_words(error) if refused else " ".join(str(error).split())
        raise SettingsError(
            f"{path} cannot be used: {said}. It needs `raw` and `means`, each with keep, margin and shard."
        ) from error
    policies = {
        name: _policy(name, entry, environment, path)
        for name, entry in ((RAW, found.raw), (MEANS, found.means))
    }
    _require_room(policies[RAW], load(ReadingSettings, environment), path)
    return policies


def _policy(name: str, entry: _Entry, environment: Mapping[str, str], path: Path) -> Policy:
    setting = _OVERRIDES[name]
    given = environment.get(setting)
    keep = _ms(given, setting) if given else _ms(entry.keep, f"{path}: {name}.keep")
    margin, shard = _ms(entry.margin, f"{path}: {name}.margin"), _ms(entry.shard, f"{path}: {name}.shard")
    keep = -(-(keep + margin) // _HOUR_MS) * _HOUR_MS
    # InfluxDB refuses shards that are longer than what is kept.
    return Policy(name, keep, max(_SHORTEST_SHARD_MS, min(shard, keep) // _HOUR_MS * _HOUR_MS))


def _ms(text: str, where: str) -> int:
    try:
        return duration_ms(text)
    except ValueError as error:
        raise SettingsError(f"{where}: {error}.") from error


def _require_room(raw: Policy, reading: ReadingSettings, path: Path) -> None:
    if raw.keep_ms <= reading.rules.retention_ms:
        raise SettingsError(
            f"{path} keeps raw points for {raw.keep_ms // _HOUR_MS} h, but readings of the last "
            f"{reading.raw_retention} are accepted: set FANWATCH_RAW_RETENTION to what the file says."
        )
