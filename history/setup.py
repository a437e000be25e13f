"""Makes database and policies on InfluxDB 1.x, buckets and their mappings on 2.x; alters what is there."""

import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

from fanwatch.errors import FanwatchError, Unavailable
from fanwatch.settings import StoreSettings, load
from fanwatch.store import admin
from fanwatch.store.influx import RAW, Refused, Store
from history import policies
from history.policies import Policy

_HOUR_MS = 3_600_000
_NOT_FOUND = 404
_INF_HOURS = 0


def setup(environment: Mapping[str, str]) -> list[str]:
    """Sets up the store that the settings name; a line for each thing done, none where all was right already.

    Raises SettingsError for bad settings, Unavailable where the store does not answer, FanwatchError where it refuses.
    """
    wanted = policies.read(environment)
    settings = load(StoreSettings, environment)
    store = Store(settings)
    if major(store) == 2:
        return _Buckets(store, settings.influx_org).follow(wanted)
    return policies_of_v1(store, wanted)


def major(store: Store) -> int:
    """1 or 2. Unavailable where nothing answers, FanwatchError for another version."""
    said = store.version()
    if said is None:
        raise Unavailable(
            f"InfluxDB at {store.url} does not answer. Is it running? `fanwatch status` shows it."
        )
    match = re.match(r"v?(\d+)\.", said)
    if match is None:
        # One built by `go install` knows no version; only 2.x has this path.
        try:
            store.call("GET", "/api/v2/setup")
        except Refused:
            return 1
        return 2
    if match[1] not in "12":
        raise FanwatchError(
            f"InfluxDB at {store.url} is {said}; `fanwatch history setup` knows 1.8 and 2.x. On another version, make "
            "a database for each policy of infra/influxdb/policies.yaml as its manual says."
        )
    return int(match[1])


def policies_of_v1(store: Store, wanted: Mapping[str, Policy]) -> list[str]:
    """Database and retention policies on 1.x, `raw` the default."""
    done = []
    if store.database not in admin.databases(store):
        admin.create_database(store, store.database, RAW, _clause(wanted[RAW]))
        done.append(f"made database {store.database}")
    there = {row["name"]: row for row in admin.policies(store, store.database)}
    for policy in wanted.values():
        found = there.get(policy.name)
        default = policy.name == RAW
        if found is not None and _same(found, policy, default):
            continue
        admin.set_policy(
            store, store.database, policy.name, _clause(policy), there=found is not None, default=default
        )
        done.append(f"{'altered' if found else 'made'} policy {policy.name}: {policy.keep_ms // _HOUR_MS} h")
    return done


def hours(duration: str) -> int:
    """Hours of a duration as a retention policy has it, 744h0m0s; 0 stands for ever."""
    match = re.match(r"(\d+)h", duration)
    return int(match[1]) if match else _INF_HOURS


def _clause(policy: Policy) -> str:
    return admin.policy_clause(policy.keep_ms // _HOUR_MS, policy.shard_ms // _HOUR_MS)


def _same(found: Mapping[str, Any], policy: Policy, default: bool) -> bool:
    return (
        hours(found["duration"]) * _HOUR_MS == policy.keep_ms
        and hours(found["shardGroupDuration"]) * _HOUR_MS == policy.shard_ms
        and (found["default"] or not default)
    )


class _Buckets:
    """The API of 2.x."""

    def __init__(self, store: Store, org: str | None) -> None:
        if not org:
            raise FanwatchError(
                f"InfluxDB at {store.url} is 2.x, which needs an organization: set FANWATCH_INFLUX_ORG to its name, "
                "and FANWATCH_INFLUX_TOKEN_FILE to a file with a token that may write buckets."
            )
        self._store = store
        found = self._get("orgs", "orgs", org=org)
        if not found:
            raise FanwatchError(
                f"InfluxDB at {store.url} has no organization {org!r}: see `influx org list`."
            )
        self._org: str = found[0]["id"]

    def follow(self, wanted: Mapping[str, Policy]) -> list[str]:
        """Makes or alters a bucket for each policy, and what maps database and policy to it."""
        done = []
        for policy in wanted.values():
            name = f"{self._store.database}/{policy.name}"
            rules = [{"type": "expire", "everySeconds": policy.keep_ms // 1000}]
            there = [
                row
                for row in self._get("buckets", "buckets", orgID=self._org, name=name)
                if row["name"] == name
            ]
            if not there:
                content = {"orgID": self._org, "name": name, "retentionRules": rules}
                bucket = self._store.call("POST", "/api/v2/buckets", content)
                done.append(f"made bucket {name}: {policy.keep_ms // _HOUR_MS} h")
            else:
                bucket = there[0]
                if [rule["everySeconds"] for rule in bucket["retentionRules"]] != [policy.keep_ms // 1000]:
                    self._store.call("PATCH", f"/api/v2/buckets/{bucket['id']}", {"retentionRules": rules})
                    done.append(f"altered bucket {name}: {policy.keep_ms // _HOUR_MS} h")
            done += self._map(policy.name, bucket["id"])
        return done

    def _map(self, policy: str, bucket: str) -> list[str]:
        database = self._store.database
        mapped = [
            row
            for row in self._get("dbrps", "content", orgID=self._org, db=database)
            # A virtual one goes when a bucket is renamed, and is never the default.
            if row["retention_policy"] == policy and not row.get("virtual")
        ]
        content = {"database": database, "retention_policy": policy, "default": policy == RAW}
        if not mapped:
            self._store.call("POST", "/api/v2/dbrps", content | {"orgID": self._org, "bucketID": bucket})
            return [f"mapped {database}.{policy}"]
        if mapped[0]["bucketID"] != bucket:
            raise FanwatchError(
                f"{database}.{policy} is mapped to bucket {mapped[0]['bucketID']}, not to {database}/{policy}: "
                f"remove that mapping with `influx v1 dbrp delete --id {mapped[0]['id']}`."
            )
        if mapped[0].get("default") != (policy == RAW):
            query = urllib.parse.urlencode({"orgID": self._org})
            self._store.call(
                "PATCH",
                f"/api/v2/dbrps/{mapped[0]['id']}?{query}",
                {"retention_policy": policy, "default": policy == RAW},
            )
            return [f"altered mapping {database}.{policy}"]
        return []

    def _get(self, path: str, key: str, **query: str) -> list[dict[str, Any]]:
        try:
            answer = self._store.call("GET", f"/api/v2/{path}?{urllib.parse.urlencode(query)}")
        except Refused as error:
            # What is asked for by a name that nothing has is not an empty list, but not found.
            if error.code != _NOT_FOUND:
                raise
            return []
        return list((answer or {}).get(key) or [])
