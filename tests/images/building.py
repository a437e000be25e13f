"""Builds the images as operators do: functions from the context that faas-cli makes, the rest by docker build."""

import json
import shutil
from pathlib import Path
from typing import Any

from local import stack as stacks
from tests.images.engine import Engine
from tests.support.servers import ROOT

TAG = "test"
_BUILD_S = 900
IGNORED = shutil.ignore_patterns("__pycache__")


class Images:
    """Each image is built once; `name` gives its tag, building it first."""

    def __init__(self, engine: Engine, base: str, build_base: str, directory: Path) -> None:
        self.engine = engine
        self.base = base
        self.directory = directory
        self.arguments = ["--build-arg", f"PYTHON_IMAGE={base}", "--build-arg", f"BUILD_IMAGE={build_base}"]
        self.stack = stacks.read(ROOT / "stack.yml", {"TAG": TAG})
        self._built: set[str] = set()

    def function(self, name: str) -> str:
        """The image of a function of stack.yml."""
        entry = self.stack.functions[name]
        if entry.image not in self._built:
            self.build(entry.image, self.context(name), *self.build_args(name))
        return entry.image

    def connector(self) -> str:
        """Connector, rollup and sessions."""
        return self._beside("connector")

    def console(self) -> str:
        """The technician's page."""
        return self._beside("console")

    def model_store(self) -> str:
        """The static server of bundles."""
        return self._other(f"fanwatch/model-store:{TAG}", ROOT / "infra/model-store")

    def own(self, name: str, *files: Path) -> str:
        """An image of the tests' own, from its Dockerfile in the folder `own` and the files that it copies."""
        context = self.directory / "own" / name
        context.mkdir(parents=True, exist_ok=True)
        for file in (*files, Path(__file__).parent / "own" / f"{name}.Dockerfile"):
            shutil.copy(file, context)
        return self._other(f"fanwatch-test/{name}", context, "--file", str(context / f"{name}.Dockerfile"))

    def build(self, tag: str, context: Path, *arguments: str, buildkit: bool | None = None) -> str:
        """`docker build`; what it printed."""
        wanted = self.engine.builds_with_buildkit() if buildkit is None else buildkit
        said = self.engine.docker(
            *("build", "--tag", tag, *self.arguments, *arguments, str(context)),
            timeout_s=_BUILD_S,
            environment={"DOCKER_BUILDKIT": "1" if wanted else "0", "BUILDKIT_PROGRESS": "plain"},
        )
        self._built.add(tag)
        return said

    def build_args(self, name: str) -> list[str]:
        """A function's build_args as docker takes them."""
        pairs = self.stack.functions[name].build_args.items()
        return [part for key, value in pairs for part in ("--build-arg", f"{key}={value}")]

    def context(self, name: str, root: Path = ROOT) -> Path:
        """The folder that is a function's build context."""
        return copy_context(self.stack, name, root, self.directory / "build" / name)

    def inspect(self, image: str) -> Any:
        """What the engine knows of an image."""
        return json.loads(self.engine.docker("image", "inspect", image))[0]

    def above_base_mb(self, image: str) -> float:
        """Its size above the base, in MB (10^6 bytes)."""
        sizes = [int(self.inspect(name)["Size"]) for name in (image, self.base)]
        return (sizes[0] - sizes[1]) / 1e6

    def _beside(self, name: str) -> str:
        return self._other(
            f"fanwatch/{name}:{TAG}", ROOT, "--file", str(ROOT / "infra/Dockerfile"), "--target", name
        )

    def _other(self, tag: str, context: Path, *arguments: str) -> str:
        if tag not in self._built:
            self.build(tag, context, *arguments)
        return tag


def copy_context(stack: stacks.Stack, name: str, root: Path, made: Path) -> Path:
    """Makes the folder that `faas-cli build --shrinkwrap` makes; tests/infra/test_faas_cli.py compares them."""
    entry = stack.functions[name]
    shutil.rmtree(made, ignore_errors=True)
    shutil.copytree(root / "template" / entry.lang, made, ignore=IGNORED)
    shutil.copytree(root / entry.handler, made / "function", ignore=IGNORED, dirs_exist_ok=True)
    for path in stack.copied:
        shutil.copytree(root / path, made / "function" / path, ignore=IGNORED)
    return made
