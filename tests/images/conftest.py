"""One engine and one set of images for all tests of this folder."""

import shutil
from collections.abc import Iterator

import pytest

from tests.images import base
from tests.images.building import Images
from tests.images.containers import Containers
from tests.images.engine import Engine, start


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A container engine."""
    directory = tmp_path_factory.mktemp("engine")
    found = start(directory)
    yield found
    found.close()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def images(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Images:
    """All images, built when they are asked for."""
    directory = tmp_path_factory.mktemp("images")
    python = base.python_image(engine)
    return Images(engine, python, base.build_image(engine, python, directory / "build-base"), directory)


@pytest.fixture
def containers(engine: Engine) -> Iterator[Containers]:
    """Makes containers; none is left afterwards."""
    with Containers(engine) as made:
        yield made
