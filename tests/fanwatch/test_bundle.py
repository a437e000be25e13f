"""Bundles: what was altered, is missing or lies outside is refused in one line that names the file."""

import shutil
from pathlib import Path

import msgspec
import pytest

from fanwatch.bundles import anomaly as bundles
from fanwatch.bundles import verified
from fanwatch.bundles.engines import open_engine
from fanwatch.errors import BundleError

DEFAULT = verified.locate(None)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the default bundle that may be spoiled."""
    return Path(shutil.copytree(DEFAULT, tmp_path / "bundle"))


def rewrite(bundle: Path, **changes: object) -> None:
    """Change fields of model.json, leaving the rest as it is."""
    file = bundle / verified.METADATA
    file.write_bytes(msgspec.json.encode(msgspec.json.decode(file.read_bytes()) | changes))


def refused(bundle: Path, *words: str, pin: str | None = None) -> None:
    """The bundle is refused in one line that holds the words."""
    with pytest.raises(BundleError) as error:
        bundles.load(bundle, pin)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_the_default_bundle_is_whole_and_its_pin_is_the_hash_of_its_description() -> None:
    digest = verified.sha256((DEFAULT / "model.json").read_bytes())
    bundle = bundles.load(DEFAULT, digest.upper())
    assert bundle.digest == digest
    assert bundle.model == "fan-anomaly@1"
    assert bundle.names() == [
        "MODEL_CARD.md", "model.tflite", "saved_model/saved_model.pb",
        "saved_model/variables/variables.data-00000-of-00001", "saved_model/variables/variables.index",
        "scores.csv", "validation.csv",
    ]  # fmt: skip
    assert verified.encode(bundle.metadata) == (DEFAULT / "model.json").read_bytes()


def test_another_pin_is_refused(copy: Path) -> None:
    refused(copy, "model.json", "0" * 64, "stack.yml", pin="0" * 64)


@pytest.mark.parametrize("name", ["model.tflite", "MODEL_CARD.md", "saved_model/saved_model.pb"])
def test_an_altered_a_cut_and_a_missing_file_are_named(copy: Path, name: str) -> None:
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    refused(copy, name, "vouches")
    (copy / name).write_bytes(content[: len(content) // 2])
    refused(copy, name, "vouches")
    (copy / name).unlink()
    refused(copy, name, "complete")


def test_a_file_that_nobody_vouches_for_is_refused(copy: Path) -> None:
    (copy / "saved_model" / "assets.extra").write_text("x")
    refused(copy, "saved_model/assets.extra", "not listed")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"[" * 100_000, b'{"name": "fan-anomaly"}'])
def test_a_description_that_is_none_is_refused(copy: Path, content: bytes) -> None:
    (copy / "model.json").write_bytes(content)
    refused(copy, "model.json")


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "nowhere/model.json")


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "saved_model/../../secret", "..\\secret"])
def test_a_path_out_of_the_bundle_is_refused(copy: Path, name: str) -> None:
    (copy.parent / "secret").write_bytes(b"x")
    rewrite(copy, files={name: verified.sha256(b"x")})
    refused(copy, "outside")


def test_a_link_out_of_the_bundle_is_refused(copy: Path) -> None:
    (copy / "model.tflite").replace(copy.parent / "elsewhere")
    (copy / "model.tflite").symlink_to(copy.parent / "elsewhere")
    refused(copy, "model.tflite", "outside")


def test_contradicting_ranges_are_refused(copy: Path) -> None:
    features = msgspec.json.decode((copy / "model.json").read_bytes())["features"]
    features[2]["trained"] = [0.5, 2000.0]
    rewrite(copy, features=features)
    refused(copy, "vibration")


def test_checked_bytes_are_used_even_if_the_file_changes_afterwards(copy: Path) -> None:
    bundle = bundles.load(copy)
    (copy / "model.tflite").write_bytes(b"something else")
    assert open_engine(bundle, "litert") is not None
    with pytest.raises(BundleError, match=r"no model\.onnx"):
        bundle.read("model.onnx")


def test_the_newest_version_is_found_and_a_setting_goes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for version in ("2", "10", "draft"):
        (tmp_path / "models" / "fan-anomaly" / version).mkdir(parents=True)
    assert verified.locate(None) == tmp_path / "models" / "fan-anomaly" / "10"
    assert verified.locate("models/fan-anomaly/2") == tmp_path / "models" / "fan-anomaly" / "2"
    assert verified.locate("models/fan-anomaly/1") == DEFAULT
    assert verified.locate("/nowhere") == Path("/nowhere")
