"""What the images are: small, without root, without tools to build or install with, and built anew only in part."""

import shutil
from pathlib import Path

import pytest

from tests.images.building import IGNORED, Images
from tests.images.containers import Containers
from tests.support.servers import ROOT

pytestmark = [pytest.mark.images, pytest.mark.timeout(900)]

FUNCTIONS = ("score-fan", "infer-fan-lite", "infer-fan", "forecast-fan")
ALL = (*FUNCTIONS, "connector", "console", "model-store")
LITE_MB = 120
_TOOLS = "cc gcc c++ g++ ld as make rustc go pip pip3 uv curl wget git"
# Some of Debian's own may change passwords and the like; without capabilities and new privileges they cannot.
_WRITABLE = (
    "find / -xdev ( -type f -o -type d ) -writable -not -path /tmp -not -path /var/tmp -not -path /run/lock"
)


def image_of(images: Images, name: str) -> str:
    """The image of a function or of what runs beside them."""
    if name in FUNCTIONS:
        return images.function(name)
    others = {"connector": images.connector, "console": images.console, "model-store": images.model_store}
    return others[name]()


@pytest.mark.parametrize("name", ALL)
def test_nobody_in_it_is_root_or_can_build(images: Images, containers: Containers, name: str) -> None:
    image = image_of(images, name)
    config = images.inspect(image)["Config"]
    assert config["User"] == "10001"
    box = containers(image, "sleep", "600")
    assert box.run("id", "-u") == "10001"
    found = box.run("sh", "-c", f"for tool in {_TOOLS}; do command -v $tool; done; true")
    assert found == ""
    assert "No module named pip" in box.run("python3", "-m", "pip", check=False)
    # Even where the root can be written (faasd ignores readonly_root_filesystem), nothing of ours belongs to the user.
    loose = containers(image, "sleep", "600", options=())
    writable = loose.run(
        "sh", "-c", _WRITABLE.replace("(", r"\(").replace(")", r"\)"), check=False
    ).splitlines()
    assert [path for path in writable if path.startswith(("/home", "/opt", "/etc", "/usr", "/models"))] == []


@pytest.mark.parametrize("name", ALL)
def test_no_secret_and_no_address_of_the_builder_in_it(
    images: Images, containers: Containers, name: str
) -> None:
    image = image_of(images, name)
    history = images.engine.docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    box = containers(image, "sleep", "600")
    environment = box.run("env")
    for text in (history, environment):
        assert not any(word in text.lower() for word in ("password=", "token=", "index-url", "://"))
    assert "No such file" in box.run("cat", "/etc/pip.conf", check=False)


@pytest.mark.parametrize("name", ALL)
def test_its_size(images: Images, name: str) -> None:
    above = images.above_base_mb(image_of(images, name))
    print(f"{name}: {above:.1f} MB above the base")
    if name == "infer-fan-lite":
        assert above <= LITE_MB
    if name == "forecast-fan":
        # It writes to InfluxDB, too.
        assert above <= LITE_MB + 15
    if name in ("connector", "model-store", "score-fan"):
        assert above <= LITE_MB / 2


@pytest.mark.parametrize("buildkit", [False, True], ids=["legacy", "buildkit"])
def test_a_change_of_code_installs_nothing_again(images: Images, tmp_path: Path, buildkit: bool) -> None:
    if buildkit and not images.engine.builds_with_buildkit():
        pytest.skip("This docker client has no BuildKit; Debian's /usr/bin/docker has.")
    root = tmp_path / "root"
    root.mkdir()
    for folder in ("template", "functions", "fanwatch", "machines", "models"):
        shutil.copytree(ROOT / folder, root / folder, ignore=IGNORED)
    arguments = images.build_args("score-fan")
    tag = f"fanwatch-test/{'buildkit' if buildkit else 'legacy'}"

    def layers() -> list[str]:
        images.build(tag, images.context("score-fan", root), *arguments, buildkit=buildkit)
        found: list[str] = images.inspect(tag)["RootFS"]["Layers"]
        return found

    base = len(images.inspect(images.base)["RootFS"]["Layers"])
    before = layers()
    for changed in (
        "functions/score_fan/handler.py",
        "fanwatch/messages/result.py",
        "template/python3-fan/function_server/app.py",
    ):
        with (root / changed).open("a", encoding="utf-8") as file:
            file.write("\n# changed\n")
        after = layers()
        different = [
            number for number, pair in enumerate(zip(before, after, strict=True)) if len(set(pair)) > 1
        ]
        # Above the base: user, packages, code; only the last one may differ.
        assert different == [base + 2], changed
        before = after
    with (root / "functions/score_fan/requirements.txt").open("a", encoding="utf-8") as file:
        file.write("# Other requirements are installed.\n")
    # The layer may come out the same; that pip ran again is in what the build says.
    said = images.build(tag, images.context("score-fan", root), *arguments, buildkit=buildkit)
    assert "Successfully installed" in said
