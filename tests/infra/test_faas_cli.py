"""faas-cli understands stack.yml; give its path as FAAS_CLI to check that."""

import filecmp
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from local.stack import read
from tests.images.building import copy_context
from tests.support.servers import ROOT

_TIMEOUT_S = 60


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What of the repository faas-cli reads, where it may write."""
    for folder in ("fanwatch", "functions", "models", "template"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "stack.yml", tmp_path)
    return tmp_path


def faas_cli(directory: Path, *arguments: str) -> str:
    """What faas-cli prints on its standard output."""
    program = os.environ.get("FAAS_CLI")
    if not program:
        pytest.skip("FAAS_CLI names no faas-cli; with FAAS_CLI=path of one, stack.yml is checked with it.")
    done = subprocess.run(
        [program, *arguments], cwd=directory, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_shrinkwrap_makes_the_contexts_that_are_built_here(checkout: Path, tmp_path: Path) -> None:
    faas_cli(checkout, "build", "--shrinkwrap", "--filter", "*")
    stack = read(checkout / "stack.yml", {})
    for name in stack.functions:
        ours = copy_context(stack, name, checkout, tmp_path / "ours" / name)
        theirs = checkout / "build" / name
        assert files(ours) == files(theirs)
        _, different, unreadable = filecmp.cmpfiles(ours, theirs, files(ours), shallow=False)
        assert (different, unreadable) == ([], [])


def test_generate_writes_what_stack_yml_says(checkout: Path) -> None:
    documents = list(yaml.safe_load_all(faas_cli(checkout, "generate", "--api=openfaas.com/v1")))
    made = {document["spec"]["name"]: document["spec"] for document in documents if document}
    stack = read(checkout / "stack.yml", {})
    assert made.keys() == stack.functions.keys()
    for name, function in stack.functions.items():
        spec = made[name]
        assert spec["image"] == function.image
        assert spec["environment"] == function.environment
        assert spec["labels"] == function.labels
        assert spec.get("annotations", {}) == function.annotations
        assert spec.get("secrets", []) == list(function.secrets)
        # What is not given comes out empty.
        for key, wanted in (("limits", function.limits), ("requests", function.requests)):
            assert {part: value for part, value in spec[key].items() if value} == wanted
        assert spec["readOnlyRootFilesystem"] is True


def test_a_variable_replaces_its_default(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAG", "9.9.9")
    monkeypatch.setenv("FANWATCH_INFER_FUNCTION", "infer-fan-lite")
    said = faas_cli(checkout, "generate", "--api=openfaas.com/v1")
    assert "fanwatch/score-fan:9.9.9" in said
    assert "FANWATCH_INFER_FUNCTION: infer-fan-lite" in said


def files(root: Path) -> list[str]:
    """Every file below a folder."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
