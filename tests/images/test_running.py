"""Each container as a deployment runs it: it works with nothing writable, within its memory, and ends when told to."""

import hashlib
import http.client
import json
import signal
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from credentials.certificates import Certificates
from credentials.users import Users
from tests.images.behind import Behind, reachable
from tests.images.building import Images
from tests.images.checks import END_S, confined, ended_at, ended_cleanly
from tests.images.containers import Containers
from tests.support.ledger import Fans, Source, Witness, identity
from tests.support.servers import ROOT
from tests.support.wait import until

pytestmark = [pytest.mark.images, pytest.mark.timeout(900)]

READING = b'{"deviceID":"mine","rotation":592,"temperature":41.2,"vibration":160.4,"sound":47.9}'
ROW = b'{"params":[592,41.2,160.4,47.9]}'
_READY_S = 60


@pytest.fixture
def behind(tmp_path: Path, images: Images, containers: Containers) -> Iterator[Behind]:
    """Broker and gateway, for containers."""
    made = Behind(tmp_path, images, containers)
    yield made
    made.close()


def post(host: str, port: int, path: str, body: bytes) -> tuple[int, bytes]:
    """Status and body of a POST."""
    connection = http.client.HTTPConnection(host, port, timeout=20)
    try:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["infer-fan-lite", "infer-fan"])
def test_inference_by_itself(images: Images, containers: Containers, name: str) -> None:
    entry = images.stack.functions[name]
    box = containers(
        images.function(name),
        network="bridge",
        memory=entry.limits["memory"],
        environment=entry.environment,
    )
    host = box.address
    until(lambda: box.alive() and reachable(8080, "/_/ready", host), _READY_S, f"{name} ready")
    status, body = post(host, 8080, "/", ROW)
    answer = json.loads(body)
    assert (status, answer["fault"], answer["model"]) == (200, 0, "fan-anomaly@1")
    # A batch of the largest size that comes, so that the memory is that of work.
    rows = json.dumps({"params": [[592, 41.2, 160.4, 47.9]] * 1024}).encode()
    for _ in range(20):
        status, body = post(host, 8080, "/", rows)
        assert (status, len(json.loads(body))) == (200, 1024)
    confined(box)
    ended_cleanly(box, name)


@pytest.mark.parametrize("infer", ["infer-fan-lite", "infer-fan"])
def test_the_chain_behind_the_gateway(behind: Behind, infer: str) -> None:
    behind.function(infer)
    score = behind.function("score-fan", infer=infer)
    assert isinstance(behind.front.address, int)
    status, body = post("127.0.0.1", behind.front.address, "/function/score-fan", READING)
    answer = json.loads(body)
    assert (status, answer["fault"], answer["quality"]) == (200, 0, "ok")
    witness, source = Witness(behind.broker.settings), Source(behind.broker.settings)
    try:
        connector = behind.connect()
        source.flow(Fans(), rate=300, count=1500)
        counts = identity(source, witness)
    finally:
        source.close()
        witness.close()
    assert counts.published == counts.scored == 1500
    for box, name in ((connector, "connector"), (score, "score-fan"), (behind.parts[infer], infer)):
        confined(box)
        ended_cleanly(box, name)


@pytest.mark.parametrize("name", ["score-fan", "infer-fan-lite", "infer-fan", "forecast-fan", "connector"])
def test_a_sigterm_in_the_middle_of_the_start_counts_too(
    images: Images, containers: Containers, name: str
) -> None:
    if not images.engine.local:
        pytest.skip("The engine's processes run on another machine.")
    box = containers(images.connector() if name == "connector" else images.function(name))
    process = Path(f"/proc/{box.inspect()['State']['Pid']}")
    until(lambda: "site-packages" in (process / "maps").read_text(), 20, "the first import of a package")
    [caught] = [line for line in (process / "status").read_text().splitlines() if line.startswith("SigCgt")]
    assert int(caught.split()[1], 16) & 1 << signal.SIGTERM - 1, "process 1 does not see a SIGTERM yet"
    began = time.time()
    box.engine.docker("kill", "--signal", "TERM", box.id)
    assert box.engine.docker("wait", box.id) == "0"
    assert ended_at(box.inspect()["State"]["FinishedAt"]) - began < END_S


def test_a_function_takes_its_bundle_from_the_model_store(images: Images, containers: Containers) -> None:
    store = containers(
        images.model_store(), network="bridge", memory="64Mi", mounts={ROOT / "models": "/models:ro"}
    )
    until(
        lambda: store.alive() and reachable(8080, "/fan-anomaly/1/model.json", store.address), 20, "the store"
    )
    entry = images.stack.functions["infer-fan-lite"]
    url = f"http://{store.address}:8080/fan-anomaly/1"
    box = containers(
        images.function("infer-fan-lite"),
        network="bridge",
        memory=entry.limits["memory"],
        environment={**entry.environment, "FANWATCH_BUNDLE": url},
    )
    until(lambda: box.alive() and reachable(8080, "/_/ready", box.address), _READY_S, "infer-fan-lite ready")
    status, body = post(box.address, 8080, "/", ROW)
    assert (status, json.loads(body)["model"]) == (200, "fan-anomaly@1")
    pin = entry.environment["FANWATCH_BUNDLE_SHA256"]
    assert box.run("ls", "/dev/shm/fanwatch-bundles-10001") == pin, "kept where a container may write"
    refused = containers(
        images.function("infer-fan-lite"),
        network="bridge",
        environment={**entry.environment, "FANWATCH_BUNDLE": url, "FANWATCH_BUNDLE_SHA256": "ab" * 32},
    )
    assert images.engine.docker("wait", refused.id) == "1"
    assert url in refused.logs()


def test_the_page_is_served_over_tls_to_whoever_may_log_in(
    images: Images, containers: Containers, tmp_path: Path
) -> None:
    certificates, users = Certificates(tmp_path), Users(tmp_path)
    certificates.init([])
    users.prepare()
    secrets = users.home(users.add("console"))
    certificates.page()
    (secrets / "logins").touch()
    # The image's user reads them.
    for path in (tmp_path, secrets.parent, secrets, *secrets.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    box = containers(
        images.console(),
        network="bridge",
        memory="384Mi",
        environment={
            "FANWATCH_CONSOLE_LOGINS_FILE": "/run/secrets/console/logins",
            "FANWATCH_CONSOLE_CERT_FILE": "/run/secrets/console/page.crt",
            "FANWATCH_CONSOLE_KEY_FILE": "/run/secrets/console/page.key",
        },
        mounts={secrets: "/run/secrets/console:ro"},
    )
    context = ssl.create_default_context(cafile=str(secrets / "ca.crt"))
    # Its certificate has the broker's names, and this address is none of them.
    context.check_hostname = False

    def page(path: str) -> int:
        connection = http.client.HTTPSConnection(box.address, 8093, timeout=20, context=context)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    until(lambda: box.alive() and page("/healthz") == 200, _READY_S, "the page")
    assert page("/") == 401, "nobody may log in yet"
    confined(box)
    ended_cleanly(box, "console")


def test_the_model_store_gives_bundles_and_nothing_else(
    images: Images, containers: Containers, tmp_path: Path
) -> None:
    box = containers(
        images.model_store(), network="bridge", memory="64Mi", mounts={ROOT / "models": "/models:ro"}
    )
    until(lambda: box.alive() and reachable(8080, "/fan-anomaly/1/model.json", box.address), 20, "the store")
    url = f"http://{box.address}:8080"
    with urllib.request.urlopen(f"{url}/fan-anomaly/1/model.json", timeout=10) as answer:
        found = hashlib.sha256(answer.read()).hexdigest()
        assert answer.headers["ETag"]
        assert "lighttpd" not in (answer.headers["Server"] or "")
    assert found == images.stack.functions["infer-fan"].environment["FANWATCH_BUNDLE_SHA256"]
    for method, path, wanted in (
        ("GET", "/", {403, 404}),
        ("GET", "/fan-anomaly/", {403, 404}),
        ("GET", "/../etc/passwd", {400, 403, 404}),
        ("GET", "/%2e%2e/etc/passwd", {400, 403, 404}),
        ("PUT", "/fan-anomaly/1/model.json", {403, 405}),
        ("POST", "/fan-anomaly/1/model.json", {403, 405}),
        ("DELETE", "/fan-anomaly/1/model.json", {403, 405}),
    ):
        request = urllib.request.Request(url + path, method=method)
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(request, timeout=10)
        assert raised.value.code in wanted, (method, path)
        raised.value.close()
    confined(box)
    ended_cleanly(box, "model-store")
