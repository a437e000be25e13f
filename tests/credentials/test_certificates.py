"""The files of a deployment's certificates."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from credentials import authority
from credentials.certificates import HOSTS, PAGE_HOSTS, Certificates
from fanwatch.errors import FanwatchError
from fanwatch.private import write


@pytest.fixture
def made(tmp_path: Path) -> Certificates:
    """A new deployment's."""
    certificates = Certificates(tmp_path / "secrets")
    certificates.init(["192.0.2.1", "broker.example"])
    return certificates


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_file_and_folder_is_its_owners_alone(made: Certificates) -> None:
    made.issue("fan-07")
    found = list(made.folder.rglob("*"))
    assert len(found) > 10
    for path in found:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_what_root_replaces_stays_its_folders_owners(tmp_path: Path) -> None:
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    owner = folder.stat()
    write({folder / "server.key": b"1"})
    write({folder / "server.key": b"2"})
    found = (folder / "server.key").stat()
    assert (found.st_uid, found.st_gid) == (owner.st_uid, owner.st_gid)
    assert [path.name for path in folder.iterdir()] == ["server.key"]


def test_the_brokers_certificate_is_what_clients_ask_for(made: Certificates) -> None:
    found = load(made.broker / "server.crt")
    key = found.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert authority.hosts_of(found) == ["192.0.2.1", "broker.example", *HOSTS]
    usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    now = datetime.now(UTC)
    assert timedelta(days=364) < found.not_valid_after_utc - now < timedelta(days=366)
    assert now - found.not_valid_before_utc > timedelta(minutes=59)
    found.verify_directly_issued_by(load(made.folder / "ca/current.crt"))


def test_no_certificate_outlives_its_ca() -> None:
    signer = authority.authority(days=10)
    assert authority.client(signer, "x", days=900).certificate.not_valid_after_utc == (
        signer.certificate.not_valid_after_utc
    )


def test_init_overwrites_nothing(made: Certificates) -> None:
    before = contents(made.folder)
    with pytest.raises(FanwatchError, match="holds a CA already"):
        made.init([])
    assert contents(made.folder) == before


def test_issue_overwrites_nothing(made: Certificates) -> None:
    made.issue("fan-07")
    before = contents(made.folder)
    with pytest.raises(FanwatchError, match="fan-07 has a certificate"):
        made.issue("fan-07")
    assert contents(made.folder) == before


@pytest.mark.parametrize(
    "name", ["", "a/b", "..", "a b", "x" * 65, "fanwatch-connector-0", "connector", "score-fan-1", "server"]
)
def test_a_name_that_no_device_may_have_is_refused(made: Certificates, name: str) -> None:
    before = contents(made.folder)
    with pytest.raises(FanwatchError, match="name"):
        made.issue(name)
    assert contents(made.folder) == before


def test_a_host_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FanwatchError, match="names or addresses"):
        Certificates(tmp_path).init(["bröker"])


def test_the_next_ca_takes_over_and_the_one_before_last_goes(made: Certificates) -> None:
    generations = [load(made.folder / f"ca/{name}.crt") for name in ("current", "next")]
    made.issue("fan-07")
    for expected in (2, 3, 3):
        bundle = x509.load_pem_x509_certificates((made.folder / "devices/fan-07/ca.crt").read_bytes())
        assert bundle == generations[-expected:]
        assert (made.broker / "ca.crt").read_bytes() == (made.folder / "devices/fan-07/ca.crt").read_bytes()
        made.rotate_authority()
        load(made.broker / "server.crt").verify_directly_issued_by(generations[-1])
        generations.append(load(made.folder / "ca/next.crt"))


def test_a_rotated_broker_keeps_its_names_and_changes_its_key(made: Certificates) -> None:
    before = load(made.broker / "server.crt")
    made.rotate()
    after = load(made.broker / "server.crt")
    assert authority.hosts_of(after) == authority.hosts_of(before)
    assert after.public_key() != before.public_key()
    made.rotate_authority()
    assert authority.hosts_of(load(made.broker / "server.crt")) == authority.hosts_of(before)
    made.rotate(hosts=["broker.example", "192.0.2.9"])
    assert authority.hosts_of(load(made.broker / "server.crt")) == [*authority.hosts_of(before), "192.0.2.9"]


def test_what_was_revoked_stays_so(made: Certificates) -> None:
    serials = set()
    for name in ("fan-07", "fan-08"):
        made.issue(name)
        serials.add(load(made.folder / f"devices/{name}/client.crt").serial_number)
        made.revoke(name)
    made.rotate_authority()
    parts = (made.broker / "revoked.crl").read_bytes().split(b"-----BEGIN")[1:]
    lists = [x509.load_pem_x509_crl(b"-----BEGIN" + part) for part in parts]
    signers = [load(made.folder / f"ca/{name}.crt") for name in ("previous", "current", "next")]
    for found, signer in zip(lists, signers, strict=True):
        assert found.is_signature_valid(signer.public_key())  # type: ignore[arg-type]
        assert {entry.serial_number for entry in found} == serials
        assert found.next_update_utc == signer.not_valid_after_utc
    made.issue("fan-07")


def test_files_that_do_not_belong_together_are_named(made: Certificates) -> None:
    (made.folder / "ca/current.key").write_bytes((made.folder / "ca/next.key").read_bytes())
    with pytest.raises(FanwatchError, match=r"ca/current.crt and .key cannot be used"):
        made.rotate()
    (made.broker / "server.crt").write_text("nonsense", encoding="ascii")
    with pytest.raises(FanwatchError, match=r"server.crt is no certificate"):
        made.terms()
    (made.broker / "server.crt").unlink()
    with pytest.raises(FanwatchError, match=r"server.crt cannot be read: No such file"):
        made.terms()


def test_without_a_ca_it_says_how_to_make_one(tmp_path: Path) -> None:
    for act in (
        Certificates(tmp_path).rotate,
        Certificates(tmp_path).terms,
        Certificates(tmp_path).rotate_authority,
    ):
        with pytest.raises(FanwatchError, match="certs init"):
            act()


def test_the_page_has_the_brokers_names_and_a_key_of_its_own(made: Certificates) -> None:
    path = made.page(["console.example"])
    found = load(path)
    assert authority.hosts_of(found) == [
        "192.0.2.1", "broker.example", *HOSTS, *PAGE_HOSTS, "console.example",
    ]  # fmt: skip
    assert found.public_key() != load(made.broker / "server.crt").public_key()
    found.verify_directly_issued_by(load(made.folder / "ca/current.crt"))
    assert (path.parent / "ca.crt").read_bytes() == (made.broker / "ca.crt").read_bytes()
    assert "console's page" in {term.name for term in made.terms()}
    again = load(made.page())
    assert again.serial_number != found.serial_number, "asked again, it is renewed"
    assert authority.hosts_of(again) == authority.hosts_of(found)


def test_whoever_trusts_the_ca_can_reach_the_page_after_each_change_of_it(made: Certificates) -> None:
    made.rotate_authority()
    assert not (made.folder / "services").exists(), "where there is no page, there is nothing to renew"
    path = made.page(["console.example"])
    for _ in range(2):
        trusted = x509.load_pem_x509_certificates((path.parent / "ca.crt").read_bytes())
        before = load(path)
        made.rotate_authority()
        after = load(path)
        assert after.issuer in {ca.subject for ca in trusted}, "those who have the ca.crt from before go on"
        after.verify_directly_issued_by(load(made.folder / "ca/current.crt"))
        assert authority.hosts_of(after) == authority.hosts_of(before)
        assert authority.Pair.parse(path.read_bytes(), path.with_suffix(".key").read_bytes())
