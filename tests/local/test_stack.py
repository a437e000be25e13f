"""stack.yml as the local runtime reads it."""

import hashlib
from pathlib import Path

import pytest
import yaml

from fanwatch.settings import (
    ConnectorSettings,
    ForecastSettings,
    LocalSettings,
    ScoreSettings,
    duration_ms,
    load,
)
from local.cron import parse
from local.stack import Stack, StackError, local_environment, read, substitute
from tests.support.servers import ROOT

ENTRY = "    lang: python3-fan\n    handler: ./one\n    image: fanwatch/one:1\n"


def stack_of(tmp_path: Path, text: str, **environment: str) -> Stack:
    """Read a text as stack.yml."""
    path = tmp_path / "stack.yml"
    path.write_text(text, encoding="utf-8")
    return read(path, environment)


def test_a_function_with_everything(tmp_path: Path) -> None:
    stack = stack_of(
        tmp_path,
        "version: 1.0\nprovider: {name: openfaas}\nconfiguration: {copy: [./shared]}\nfunctions:\n  one:\n"
        + ENTRY
        + """\
    environment: {exec_timeout: 5s, max_inflight: 64, flag: yes, empty: }
    secrets: [password]
    labels: {com.openfaas.scale.min: 3}
    annotations: {topic: "a,b"}
    limits: {memory: 1Gi, cpu: 0.5}
    requests: {}
    build_args: {REQUIREMENTS: requirements-lite.txt}
    readonly_root_filesystem: true
""",
    )
    function = stack.functions["one"]
    assert function.environment == {"exec_timeout": "5s", "max_inflight": "64", "flag": "yes", "empty": ""}
    assert function.secrets == ("password",)
    assert function.limits == {"memory": "1Gi", "cpu": "0.5"}
    assert function.readonly_root_filesystem is True
    assert (function.name, function.replicas, function.local) == ("one", 3, True)
    assert (stack.copied, stack.directory) == (("./shared",), tmp_path)


def test_variables_take_environment_then_default() -> None:
    text = "a: ${A:-1} b: ${B:-} c: ${C} d: ${D:-http://x:80} $E"
    assert substitute(text, {}) == "a: 1 b:  c:  d: http://x:80 $E"
    assert substitute(text, {"A": "2", "B": "b", "C": "c", "D": ""}) == "a: 2 b: b c: c d: http://x:80 $E"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("functions: [", "is not YAML"),
        ("version: 1.0\n", "has no functions"),
        ("functions: {}\n", "has no functions"),
        ("- 1\n", "has no functions"),
        ("a: 1\nb: ${1X}\n", "stack.yml, line 2: ${1X}"),
        ("functions:\n  one:\n" + ENTRY + "  Two:\n" + ENTRY, "line 6: 'Two'"),
        ("functions:\n  one:\n    lang: x\n", "line 2, function one"),
        ("functions:\n  one: 3\n", "line 2, function one"),
        ("functions:\n  one:\n" + ENTRY + "    enviroment: {}\n", "enviroment is not known here"),
        (
            "functions:\n  one:\n" + ENTRY + "    environment: [a]\n",
            "environment must be an object in {braces}, not a list",
        ),
        ("functions:\n  one:\n" + ENTRY + "    labels: {com.openfaas.scale.min: '0'}\n", "scale.min is '0'"),
        (
            "functions:\n  one:\n" + ENTRY + "    labels: {com.openfaas.scale.min: many}\n",
            "scale.min is 'many'",
        ),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(StackError) as raised:
        stack_of(tmp_path, text)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_stack_at_all(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="cannot be read"):
        read(tmp_path / "stack.yml", {})


def test_a_generation_changes_with_what_a_build_would_change(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "shared").mkdir()
    handler, shared = tmp_path / "one" / "handler.py", tmp_path / "shared" / "a.py"
    handler.write_text("1", encoding="utf-8")
    shared.write_text("1", encoding="utf-8")
    text = (
        "configuration: {copy: [./shared]}\nfunctions:\n  one:\n"
        + ENTRY
        + "    environment: {A: '${A:-1}'}\n"
    )

    def generation(**environment: str) -> str:
        return stack_of(tmp_path, text, **environment).generation("one")

    seen = [generation()]
    assert generation() == generation(B="2") == seen[0]
    assert len(seen[0]) == 8
    seen.append(generation(A="2"))
    handler.write_text("2", encoding="utf-8")
    seen.append(generation())
    shared.write_text("2", encoding="utf-8")
    seen.append(generation())
    (tmp_path / "shared" / "notes.txt").touch()
    assert generation() == seen[-1]
    assert len(set(seen)) == 4


def test_the_committed_stack_locally() -> None:
    stack = read(ROOT / "stack.yml", local_environment({"FANWATCH_GATEWAY_PORT": "9000"}))
    assert set(stack.local) == {"score-fan", "infer-fan-lite", "forecast-fan"}
    forecast = stack.functions["forecast-fan"].environment
    assert forecast["FANWATCH_INFLUX_URL"] == "http://127.0.0.1:8086"
    score = stack.functions["score-fan"].environment
    assert score["FANWATCH_INFER_FUNCTION"] == "infer-fan-lite"
    assert score["FANWATCH_GATEWAY_URL"] == "http://127.0.0.1:9000"
    assert score["FANWATCH_BROKER_HOST"] == "127.0.0.1"
    assert score["FANWATCH_BROKER_PORT"] == "1883"


def test_the_local_broker_is_shown_no_user_and_no_secret() -> None:
    function = read(ROOT / "stack.yml", local_environment({})).functions["score-fan"]
    assert function.environment.keys() - function.local_environment.keys() == {
        "FANWATCH_BROKER_USER",
        "FANWATCH_BROKER_PASSWORD_FILE",
        "FANWATCH_BROKER_CA_FILE",
    }


def test_every_file_of_a_secret_is_a_secret_that_the_function_is_given() -> None:
    for function in read(ROOT / "stack.yml", {}).functions.values():
        files = {
            value.removeprefix("/var/openfaas/secrets/")
            for name, value in function.environment.items()
            if name.endswith("_FILE") and value
        }
        assert files == set(function.secrets)
        assert not any("PASSWORD" in name and not name.endswith("_FILE") for name in function.environment)


def test_every_function_is_bounded_and_writes_nowhere() -> None:
    for function in read(ROOT / "stack.yml", {}).functions.values():
        assert function.readonly_root_filesystem
        assert function.requests.keys() >= {"memory", "cpu"}
        wanted, most = (mib(each["memory"]) for each in (function.requests, function.limits))
        assert wanted < most


def mib(quantity: str) -> int:
    """MiB of a quantity such as 64Mi or 1Gi."""
    return int(quantity[:-2]) * {"Mi": 1, "Gi": 1024}[quantity[-2:]]


def test_the_committed_stack_in_a_cluster() -> None:
    stack = read(ROOT / "stack.yml", {})
    assert stack.functions["score-fan"].environment["FANWATCH_INFER_FUNCTION"] == "infer-fan"
    for function in stack.functions.values():
        assert function.lang == "python3-fan"
        assert (ROOT / function.handler / "handler.py").is_file()
        assert (
            ROOT / function.handler / function.build_args.get("REQUIREMENTS", "requirements.txt")
        ).is_file()
        assert int(function.labels["com.openfaas.scale.max"]) <= 5
        # The Community Edition refuses these.
        refused = {"com.openfaas.scale.zero", "com.openfaas.scale.target", "com.openfaas.scale.type"}
        assert not function.labels.keys() & refused


def test_the_committed_stack_with_a_plain_yaml_reader() -> None:
    """faas-cli takes only strings in these maps; a number or a switch would have to be quoted."""
    document = yaml.safe_load(substitute((ROOT / "stack.yml").read_text(encoding="utf-8"), {}))
    for entry in document["functions"].values():
        for key in ("environment", "labels", "annotations", "limits", "requests", "build_args"):
            assert all(isinstance(value, str) for value in entry.get(key, {}).values())


def test_the_pinned_bundle_is_the_committed_one() -> None:
    stack = read(ROOT / "stack.yml", {})
    for name in ("infer-fan", "infer-fan-lite"):
        environment = stack.functions[name].environment
        model = ROOT / environment["FANWATCH_BUNDLE"] / "model.json"
        assert environment["FANWATCH_BUNDLE_SHA256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    environment = stack.functions["forecast-fan"].environment
    model = ROOT / environment["FANWATCH_FORECAST_BUNDLE"] / "model.json"
    assert environment["FANWATCH_FORECAST_BUNDLE_SHA256"] == hashlib.sha256(model.read_bytes()).hexdigest()


def test_forecast_fan_is_called_by_a_schedule_and_its_timeouts_are_in_order() -> None:
    function = read(ROOT / "stack.yml", {}).functions["forecast-fan"]
    # cron-connector takes functions of exactly this topic.
    assert function.annotations["topic"] == "cron-function"
    parse(function.annotations["schedule"])
    environment = function.environment
    longest = float(environment["FANWATCH_FORECAST_BUDGET"]) + float(environment["FANWATCH_INFLUX_TIMEOUT"])
    assert longest < duration_ms(environment["exec_timeout"]) / 1000 < LocalSettings().gateway_timeout


def test_the_webhooks_address_may_come_from_a_secret() -> None:
    def settings(given: dict[str, str]) -> ForecastSettings:
        function = read(ROOT / "stack.yml", given).functions["forecast-fan"]
        found = {name: value for name, value in function.environment.items() if name.startswith("FANWATCH_")}
        return load(ForecastSettings, found)

    assert (settings({}).webhook_url, settings({}).webhook_url_file) == (None, None)
    given = {"FANWATCH_WEBHOOK_URL_FILE": "/var/openfaas/secrets/fanwatch-webhook"}
    assert (settings(given).webhook_url, settings(given).webhook_url_file) == (None, *given.values())


def test_another_bundle_is_deployed_by_two_variables() -> None:
    given = {"FANWATCH_BUNDLE": "http://model-store:8080/fan-anomaly/2", "FANWATCH_BUNDLE_SHA256": "ab" * 32}
    stack = read(ROOT / "stack.yml", given)
    for name in ("infer-fan", "infer-fan-lite"):
        assert stack.functions[name].environment.items() >= given.items()


def test_timeouts_grow_from_the_inside_out() -> None:
    stack = read(ROOT / "stack.yml", {})

    def seconds(name: str) -> float:
        return float(stack.functions[name].environment["exec_timeout"].removesuffix("s"))

    chart = yaml.safe_load((ROOT / "infra/k3s/openfaas-values.yaml").read_text(encoding="utf-8"))
    inner = [ScoreSettings().infer_timeout, seconds("score-fan")]
    for infer in ("infer-fan-lite", "infer-fan"):
        for gateway in (LocalSettings().gateway_timeout, float(chart["gateway"]["upstreamTimeout"][:-1])):
            order = [seconds(infer), *inner, gateway, ConnectorSettings().connector_timeout]
            assert order == sorted(set(order))
