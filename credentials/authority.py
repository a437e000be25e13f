"""Certificates: authorities, what they sign, and what they have revoked. Nothing here touches a file.

EC P-256 throughout: the smallest keys that every MQTT client of the last ten years understands.
"""

import ipaddress
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
LEAF_DAYS = 365
# Clocks at the edge are set late: what was made a moment ago is to be valid there already.
_BEFORE = timedelta(hours=1)


class Pair(NamedTuple):
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def parse(cls, certificate: bytes, key: bytes) -> Self:
        """From PEM; ValueError for anything else, or where the two do not belong together."""
        found = serialization.load_pem_private_key(key, None)
        made = x509.load_pem_x509_certificate(certificate)
        if not isinstance(found, ec.EllipticCurvePrivateKey) or found.public_key() != made.public_key():
            raise ValueError("the key is not the certificate's")
        return cls(made, found)

    @property
    def certificate_pem(self) -> bytes:
        return pem(self.certificate)

    @property
    def key_pem(self) -> bytes:
        """Not encrypted: who may read it is the file's business."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def pem(content: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    """As a file holds it."""
    return content.public_bytes(serialization.Encoding.PEM)


def authority(days: int = AUTHORITY_DAYS) -> Pair:
    """A new CA that signs certificates of servers and clients, and nothing below them."""
    # A name of its own: clients choose among several CAs of one bundle by it.
    return _made(None, f"Fanwatch CA {secrets.token_hex(6)}", datetime.now(UTC) + timedelta(days=days))


def server(signer: Pair, hosts: Sequence[str], days: int = LEAF_DAYS) -> Pair:
    """A server that clients reach under `hosts`, names or addresses. ValueError for none of either."""
    if not hosts:
        raise ValueError("a server needs a name or an address")
    names = x509.SubjectAlternativeName([_host(host) for host in hosts])
    return _leaf(signer, hosts[0], ExtendedKeyUsageOID.SERVER_AUTH, days, names)


def client(signer: Pair, name: str, days: int = LEAF_DAYS) -> Pair:
    """A device or gateway whose name is `name`."""
    return _leaf(signer, name, ExtendedKeyUsageOID.CLIENT_AUTH, days)


def hosts_of(certificate: x509.Certificate) -> list[str]:
    """Under which names and addresses a server is reached."""
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [str(name.value) for name in extension.value]


def revocations(signer: Pair, serials: Iterable[int]) -> x509.CertificateRevocationList:
    """The CA's list of certificates that count no more. It ends with its CA: an ended one shuts everybody out."""
    now = datetime.now(UTC)
    certificate = signer.certificate
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(certificate.subject)
        .last_update(now - timedelta(seconds=1))
        .next_update(certificate.not_valid_after_utc)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), False)
        # A newer list has a greater number.
        .add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), False)
    )
    for serial in sorted(set(serials)):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(signer.key, hashes.SHA256())


def _leaf(
    signer: Pair, name: str, purpose: x509.ObjectIdentifier, days: int, *more: x509.ExtensionType
) -> Pair:
    ends = min(datetime.now(UTC) + timedelta(days=days), signer.certificate.not_valid_after_utc)
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())
    return _made(signer, name[:64], ends, x509.ExtendedKeyUsage([purpose]), issued_by, *more)


def _made(signer: Pair | None, name: str, ends: datetime, *more: x509.ExtensionType) -> Pair:
    """A key, and its certificate: by `signer`, or where that is None, of a CA that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signs = signer is None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.certificate.subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(datetime.now(UTC), ends) - _BEFORE)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=signs, path_length=0 if signs else None), critical=True)
        .add_extension(_usage(signs=signs), critical=True)
    )
    for extension in more:
        builder = builder.add_extension(extension, critical=False)
    return Pair(builder.sign(signer.key if signer else key, hashes.SHA256()), key)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
