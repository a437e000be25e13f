"""Settings: read once, checked, frozen; what is wrong is named."""

import re
from pathlib import Path

import pytest

from fanwatch.errors import SettingsError
from fanwatch.settings import (
    BrokerSettings,
    ConnectorSettings,
    LocalSettings,
    ReadingSettings,
    ScoreSettings,
    duration_ms,
    known,
    load,
    secret,
)


def test_defaults_and_values() -> None:
    assert load(BrokerSettings, {}).broker_port == 1883
    settings = load(
        BrokerSettings, {"FANWATCH_BROKER_PORT": "2883", "FANWATCH_BROKER_HOST": "mosquitto", "PATH": "x"}
    )
    assert (settings.broker_host, settings.broker_port) == ("mosquitto", 2883)
    assert load(LocalSettings, {"FANWATCH_BROKER_DURABLE": "1", "FANWATCH_NO_STORE": "false"}).broker_durable
    assert load(ScoreSettings, {"FANWATCH_INFER_TIMEOUT": "2.5"}).infer_timeout == 2.5


def test_the_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANWATCH_BROKER_PORT", "2884")
    assert load(BrokerSettings).broker_port == 2884


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        load(BrokerSettings, {}).broker_port = 1  # type: ignore[misc]


def test_an_empty_value_is_an_unset_one() -> None:
    assert load(BrokerSettings, {"FANWATCH_BROKER_PORT": "", "FANWATCH_BROKER_USER": ""}) == BrokerSettings()


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("FANWATCH_BROKER_PROT", "FANWATCH_BROKER_PORT"),
        ("FANWATCH_BROKR_PORT", "FANWATCH_BROKER_PORT"),
        ("FANWATCH_GATEWAYPORT", "FANWATCH_GATEWAY_PORT"),
        ("FANWATCH_RETENTION", "FANWATCH_RAW_RETENTION"),
    ],
)
def test_an_unknown_name_is_refused_with_the_three_nearest(wrong: str, meant: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(ScoreSettings, {wrong: "1883"})
    message = str(caught.value)
    assert message.startswith(f"{wrong} is no setting. Did you mean FANWATCH_")
    named = re.findall(r"FANWATCH_\w+", message.removeprefix(wrong))
    assert meant in named
    assert len(named) == 3
    assert set(named) <= known()
    assert message.endswith("? `fanwatch settings` lists all.")


def test_what_is_like_no_name_gets_three_all_the_same() -> None:
    with pytest.raises(SettingsError) as caught:
        load(ScoreSettings, {"FANWATCH_": "1"})
    assert len(re.findall(r"FANWATCH_\w+", str(caught.value))) == 3


def test_another_parts_setting_is_known_to_all() -> None:
    assert load(ScoreSettings, {"FANWATCH_BROKER_PORT": "no number"}) == ScoreSettings()


@pytest.mark.parametrize(
    ("cls", "name", "value"),
    [
        (BrokerSettings, "FANWATCH_BROKER_PORT", "0"), (BrokerSettings, "FANWATCH_BROKER_PORT", "65536"),
        (BrokerSettings, "FANWATCH_BROKER_PORT", "mqtt"), (BrokerSettings, "FANWATCH_BROKER_TIMEOUT", "0"),
        (BrokerSettings, "FANWATCH_BROKER_TIMEOUT", "nan"), (BrokerSettings, "FANWATCH_BROKER_TIMEOUT", "inf"),
        (ScoreSettings, "FANWATCH_INFER_TIMEOUT", "-1"), (ConnectorSettings, "FANWATCH_CONNECTOR_HELD", "0"),
        (ConnectorSettings, "FANWATCH_CONNECTOR_HELD", "1.5"), (LocalSettings, "FANWATCH_BROKER_DURABLE", "maybe"),
        (ConnectorSettings, "FANWATCH_CONNECTOR_SESSION_EXPIRY", "4294967296"),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_named_with_its_value(
    cls: type[BrokerSettings], name: str, value: str
) -> None:
    with pytest.raises(SettingsError, match=rf"^{name}='{re.escape(value)}': .+\.$"):
        load(cls, {name: value})


@pytest.mark.parametrize(
    ("cls", "name", "said"),
    [
        (BrokerSettings, "FANWATCH_BROKER_PORT", "it must be a whole number"),
        (BrokerSettings, "FANWATCH_BROKER_TIMEOUT", "it must be a number"),
        (LocalSettings, "FANWATCH_BROKER_DURABLE", "it must be 1 or 0"),
    ],
)
def test_what_it_must_be_is_said(cls: type[BrokerSettings], name: str, said: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}='maybe': {said}\\.$"):
        load(cls, {name: "maybe"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FANWATCH_RAW_RETENTION", "30"),
        ("FANWATCH_RAW_RETENTION", "0d"),
        ("FANWATCH_TIMEZONE", "Mars/Olympus"),
    ],
)
def test_rules_of_readings_are_checked(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        _ = load(ReadingSettings, {name: value}).rules


@pytest.mark.parametrize(
    ("text", "ms"),
    [("45s", 45_000), ("90m", 5_400_000), ("12h", 43_200_000), ("30d", 2_592_000_000), ("1w", 604_800_000)],
)
def test_durations(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "d", "-1d", "1.5h", "01d", "1 d", "1y", "99999999d", "1d\n", "٣d"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="no duration such as 30d"):
        duration_ms(text)


def test_a_secret_is_the_content_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(" s3cret \n", encoding="utf-8")
    assert secret(str(file), "FANWATCH_BROKER_PASSWORD_FILE") == " s3cret "
    assert secret(None, "FANWATCH_BROKER_PASSWORD_FILE") is None


def test_a_secret_that_cannot_be_read_names_setting_and_file_but_no_secret(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"s3cret\xff")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "binary"):
        with pytest.raises(SettingsError) as caught:
            secret(str(path), "FANWATCH_BROKER_PASSWORD_FILE")
        assert "FANWATCH_BROKER_PASSWORD_FILE" in str(caught.value)
        assert str(path) in str(caught.value)
        assert "s3cret" not in str(caught.value)
