"""What Grafana makes of a panel's rows before it shows them: named series, and tables after transformations."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Row = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]


class Series(NamedTuple):
    """Values over time; a value is None where nothing came."""

    name: str
    ref: str
    times_s: list[float]
    values: list[Any]


def series(target: Mapping[str, Any], rows: Rows) -> list[Series]:
    """One series for each set of tags and each column, named by the target's alias. Rows carry their tags first."""
    found: dict[tuple[str, str], Series] = {}
    for row in rows:
        keys = list(row)
        at = keys.index("time")
        tags = {key: str(row[key]) for key in keys[:at]}
        for column in keys[at + 1 :]:
            name = _alias(target.get("alias", ""), tags, column)
            each = found.setdefault((name, column), Series(name, target["refId"], [], []))
            each.times_s.append(row["time"] / 1e9)
            each.values.append(row[column])
    return list(found.values())


def _alias(alias: str, tags: Mapping[str, str], column: str) -> str:
    if not alias:
        return " ".join([column, *tags.values()])
    named = re.sub(r"\$tag_(\w+)", lambda found: tags.get(found[1], found[0]), alias)
    return named.replace("$col", column)


def table(panel: Mapping[str, Any], rows: Mapping[str, Rows]) -> tuple[list[str], list[Row]]:
    """Headings and rows of a table panel, by its transformations. ValueError for one that is not known here."""
    frames = {ref: [{_heading(key): row[key] for key in row} for row in found] for ref, found in rows.items()}
    for transformation in panel.get("transformations", []):
        options, chosen = transformation["options"], transformation.get("filter")
        pattern = chosen["options"].strip("/") if chosen else ".*"
        matching = [ref for ref in frames if re.search(pattern, ref)]
        kind = transformation["id"]
        if kind == "filterFieldsByName":
            for ref in matching:
                frames[ref] = [_without(row, options["exclude"]["names"]) for row in frames[ref]]
        elif kind == "joinByField":
            frames = {"": _joined(frames.values(), options["byField"])}
        elif kind == "calculateField":
            frames = {ref: [_calculated(row, options) for row in found] for ref, found in frames.items()}
        elif kind == "sortBy":
            frames = {ref: _sorted(found, options["sort"][0]) for ref, found in frames.items()}
        elif kind == "organize":
            frames = {ref: [_organized(row, options) for row in found] for ref, found in frames.items()}
        else:
            raise ValueError(f"{panel['title']}: the transformation {kind} is not known here")
    found = next(iter(frames.values()), [])
    headings = list(dict.fromkeys(heading for row in found for heading in row))
    return headings, found


def _heading(column: str) -> str:
    return "Time" if column == "time" else column


def _without(row: Mapping[str, Any], names: Iterable[str]) -> Row:
    return {key: value for key, value in row.items() if key not in set(names)}


def _joined(frames: Iterable[Sequence[Row]], field: str) -> list[Row]:
    joined: dict[Any, Row] = {}
    fields = {}
    for frame in frames:
        for row in frame:
            fields.update(dict.fromkeys(row))
            joined.setdefault(row[field], {}).update(row)
    return [{key: row.get(key) for key in fields} for row in joined.values()]


def _calculated(row: Row, options: Mapping[str, Any]) -> Row:
    """`max` or `sum` of several columns, without those that have no value."""
    values = [row[name] for name in options["reduce"]["include"] if row.get(name) is not None]
    made = sum(values) if options["reduce"]["reducer"] == "sum" else max(values, default=None)
    return row | {options["alias"]: made if values else None}


def _sorted(rows: Sequence[Row], by: Mapping[str, Any]) -> list[Row]:
    def key(row: Row) -> float:
        value = row.get(by["field"])
        return float("-inf") if value is None else float(value)

    return sorted(rows, key=key, reverse=bool(by.get("desc")))


def _organized(row: Row, options: Mapping[str, Any]) -> Row:
    order, names = options["indexByName"], options["renameByName"]
    kept = [key for key in row if not options["excludeByName"].get(key)]
    return {names.get(key, key): row[key] for key in sorted(kept, key=lambda key: order.get(key, len(order)))}
