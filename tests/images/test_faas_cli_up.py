"""`faas-cli up` builds and deploys what stack.yml says; give its path as FAAS_CLI to check that."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.images.building import IGNORED, TAG, Images
from tests.images.containers import Containers
from tests.support.http_stub import HttpStub
from tests.support.servers import ROOT

pytestmark = [pytest.mark.images, pytest.mark.timeout(900)]

_UP_S = 600


def test_up_builds_with_docker_and_deploys(images: Images, containers: Containers, tmp_path: Path) -> None:
    program = os.environ.get("FAAS_CLI")
    if not program:
        pytest.skip("FAAS_CLI names no faas-cli; with FAAS_CLI=path of one, it builds and deploys stack.yml.")
    for folder in ("fanwatch", "functions", "machines", "models", "template"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=IGNORED)
    shutil.copy(ROOT / "stack.yml", tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/docker").symlink_to(images.engine.client)
    gateway = HttpStub()
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "DOCKER_HOST": images.engine.host,
        "OPENFAAS_URL": gateway.url,
        "REGISTRY": "fanwatch-up",
        "TAG": TAG,
    }
    arguments = [argument for argument in images.arguments if argument != "--build-arg"]
    options = [f"--build-arg={argument}" for argument in arguments]
    try:
        done = subprocess.run(
            [program, "up", "--skip-push", "--filter", "*-lite", *options],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_UP_S,
            check=False,
        )
    finally:
        gateway.close()
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    [deployed] = [json.loads(request.body) for request in gateway.requests if request.method == "PUT"]
    function = images.stack.functions["infer-fan-lite"]
    image = f"fanwatch-up/infer-fan-lite:{TAG}"
    assert (deployed["service"], deployed["image"]) == ("infer-fan-lite", image)
    assert deployed["envVars"] == function.environment
    assert deployed["labels"] == function.labels
    assert deployed["limits"]["memory"] == function.limits["memory"]
    assert deployed["readOnlyRootFilesystem"] is True
    # Built by faas-cli from its own context, it is what is built here.
    ours = images.inspect(images.function("infer-fan-lite"))
    theirs = images.inspect(image)
    for key in ("User", "Cmd", "Env", "WorkingDir"):
        assert theirs["Config"][key] == ours["Config"][key]
    assert containers(image).alive()
