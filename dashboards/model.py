"""Model: what does it say of the fleet, does it still know what it sees, and which version says so?"""

from grafana_foundation_sdk.models.dashboard import Dashboard, VariableOption, VariableRefresh, VariableSort

from dashboards.bundle import Bundle
from dashboards.influxql import SOURCE, Query
from dashboards.look import BLUE, GREEN, ORANGE, PURPLE, RED, YELLOW
from dashboards.page import MODEL, page
from dashboards.panels import buckets, figure, series, stacked
from dashboards.queries import INTERVAL, means, raw, select, since
from dashboards.sdk import dashboard, heatmap, stat, timeseries

_MODEL = '"model" =~ /^$model$/'
_WINDOW = "10m"


def model(bundle: Bundle) -> Dashboard:
    """The dashboard."""
    return page(
        MODEL,
        "Fanwatch: model",
        "What the model says of the fleet, whether it still knows what it sees, and which version says so.",
        [
            (3, [(4, panel) for panel in _figures(bundle)]),
            (9, [(24, _distribution())]),
            (7, [(12, _faults()), (12, _mean(bundle))]),
            (7, [(12, _unknown()), (12, _results())]),
        ],
        span="6h",
        refresh="1m",
        variables=[_versions()],
    )


def _versions() -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable("model")
        .label("Model")
        .description("Versions that have scored readings")
        .datasource(SOURCE)
        .query('SHOW TAG VALUES FROM "means"."scores" WITH KEY = "model"')
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.NATURAL_DESC)
        .multi(True)
        .include_all(True)
        # What is chosen stays right while no means say yet which versions there are.
        .all_value(".*")
        .current(VariableOption(text="All", value="$__all", selected=True))
    )


def _share(field: str) -> str:
    """Share of the results in each interval that `field` counts, by model: `v`."""
    by = (INTERVAL, '"model"')
    return select(
        f'sum("{field}") / sum("n") AS "v"', means("scores"), "$timeFilter", _MODEL, by=by, fill="none"
    )


def _last_hour(field: str) -> str:
    return select(f'sum("{field}") / sum("n") AS "share"', means("scores"), since("1h"))


def _figures(bundle: Bundle) -> list[stat.Panel]:
    last = '"threshold" > 0'
    return [
        figure(
            "Model in force",
            "That gave the last result.",
            "string",
            Query(select('last("model") AS "model"', raw("anomaly"), since("10m")), alias="$col"),
            (None, BLUE),
            text="model",
            empty="no result in ten minutes",
        ),
        figure(
            "Threshold in force",
            f"A score from here on is a fault; of the last result. The bundle here, {bundle.model}, has "
            f"{bundle.threshold:g}.",
            "none",
            Query(select('last("threshold") AS "threshold"', raw("anomaly"), since("10m"), last)),
            (None, BLUE),
            decimals=4,
            empty="no result in ten minutes",
        ),
        figure(
            "Faults",
            "Share of the last hour's results, of all models.",
            "percentunit",
            Query(_last_hour("faults")),
            (None, GREEN),
            (0.1, ORANGE),
            (0.5, RED),
            decimals=1,
            empty="no means yet",
        ),
        figure(
            "Extrapolated",
            "Share of the last hour's results for values that the model was not trained on: many of them ask for a new "
            "model.",
            "percentunit",
            Query(_last_hour("extrapolated")),
            (None, GREEN),
            (0.05, YELLOW),
            (0.2, ORANGE),
            decimals=1,
            empty="no means yet",
        ),
        figure(
            "Implausible",
            "Share of the last hour's results for values that no working sensor gives: many of them ask for a look at "
            "the sensors.",
            "percentunit",
            Query(_last_hour("implausible")),
            (None, GREEN),
            (0.01, PURPLE),
            decimals=1,
            empty="no means yet",
        ),
        figure(
            "Results",
            "Of the last hour.",
            "short",
            Query(select('sum("n") AS "n"', means("scores"), since("1h"))),
            (None, BLUE),
            decimals=None,
            empty="no means yet",
        ),
    ]


def _distribution() -> heatmap.Panel:
    columns = ", ".join(f'sum("p{tenth}") AS "0.{tenth}"' for tenth in range(10))
    return buckets(
        "Score distribution",
        "How many results have a score from here up to the next line. Healthy fleets are dark at the bottom only; a "
        "second dark line at the top are faulty fans; what spreads over the middle are fans that the model is not "
        "sure of.",
        "short",
        Query(
            select(columns, means("scores"), "$timeFilter", _MODEL, by=(INTERVAL,), fill="none"), alias="$col"
        ),
        empty="No means in this range: `fanwatch history rollup` writes them every ten minutes",
    ).interval(_WINDOW)


def _faults() -> timeseries.Panel:
    return (
        series(
            "Share of faults",
            "By model version. A step when a version takes over speaks of the model, not of the fans.",
            "percentunit",
            Query(_share("faults"), alias="$tag_model"),
        )
        .interval(_WINDOW)
        .min(0)
    )


def _mean(bundle: Bundle) -> timeseries.Panel:
    query = select(
        'mean("probability_mean") AS "v"',
        means("scores"),
        "$timeFilter",
        _MODEL,
        by=(INTERVAL, '"model"'),
        fill="none",
    )
    return (
        series(
            "Mean score",
            f"By model version. The threshold of {bundle.model} is {bundle.threshold:g}.",
            "percentunit",
            Query(query, alias="$tag_model"),
        )
        .interval(_WINDOW)
        .min(0)
    )


def _unknown() -> timeseries.Panel:
    return (
        series(
            "Share of extrapolated and implausible results",
            "By model version. Extrapolated: the fleet does what the model has not learned. Implausible: sensors.",
            "percentunit",
            Query(_share("extrapolated"), ref="A", alias="extrapolated, $tag_model"),
            Query(_share("implausible"), ref="B", alias="implausible, $tag_model"),
        )
        .interval(_WINDOW)
        .min(0)
    )


def _results() -> timeseries.Panel:
    query = select(
        'sum("n") AS "v"', means("scores"), "$timeFilter", _MODEL, by=(INTERVAL, '"model"'), fill="none"
    )
    return (
        stacked(
            series(
                "Results by model",
                "Readings scored in each interval, by version.",
                "short",
                Query(query, alias="$tag_model"),
            )
        )
        .interval(_WINDOW)
        .min(0)
    )
