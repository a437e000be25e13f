"""Waits until a pipeline that runs here answers with another model."""

import json
import os
import time
from typing import TYPE_CHECKING, Final

from fanwatch.bundles.anomaly import Bundle
from fanwatch.errors import Unavailable
from fanwatch.gateway.client import Gateway
from fanwatch.settings import GatewaySettings, LocalSettings, load

if TYPE_CHECKING:
    from training.kinds import AnyBundle

_LONGEST_S: Final = 90.0
_CALL_S: Final = 5.0
_POLL_S: Final = 0.3


def wait_for(bundle: "AnyBundle") -> str:
    """Where Fanwatch runs here, wait until its function answers with the bundle; a sentence about what happened."""
    from local import stack_refusals
    from local.demonstration import running
    from local.layout import of
    from local.lock import holder
    from local.stack import local_environment
    from local.status_report import reachable

    layout = running(of(load(LocalSettings, os.environ)))
    if holder(layout) is None:
        return (
            "Nothing runs here: `fanwatch up` will take it. On a cluster, `faas-cli up` builds it into the image"
            " and rolls it out."
        )
    if not isinstance(bundle, Bundle):
        return "The pipeline that runs here is taking it over; the next forecast is made with it."
    function = local_environment(os.environ)["FANWATCH_INFER_FUNCTION"]
    gateway = Gateway(
        GatewaySettings(gateway_url=load(GatewaySettings, reachable(os.environ)).gateway_url), _CALL_S
    )
    medians = json.dumps(
        {"params": [feature.healthy.median for feature in bundle.metadata.features]}
    ).encode()
    began = time.monotonic()
    while time.monotonic() - began < _LONGEST_S:
        if _model(gateway, function, medians) == bundle.model:
            took = time.monotonic() - began
            return f"The pipeline that runs here has taken it over: after {took:.0f} s {function} is {bundle.model}."
        if reasons := stack_refusals.read(layout):
            return f"It was not taken over. {' '.join(reasons)}"
        time.sleep(_POLL_S)
    log = layout.log("deploy")
    return f"{function} does not answer as {bundle.model} after {_LONGEST_S:.0f} s; the old one serves on. See {log}."


def _model(gateway: Gateway, function: str, body: bytes) -> str | None:
    try:
        answer = gateway.call(function, body, {"Content-Type": "application/json"})
        return str(json.loads(answer.body)["model"]) if answer.status == 200 else None
    except (Unavailable, ValueError, KeyError, TypeError):
        return None
