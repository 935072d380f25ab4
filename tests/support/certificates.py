"""Certificates of a certificate authority that is created for a test."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Authority:
    """A certificate authority. Its own certificate is in the file `path`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        builder = self._builder(self._name, self._key.public_key())
        builder = builder.add_extension(constraints, critical=True)
        own = builder.sign(self._key, hashes.SHA256())
        self.path.write_bytes(own.public_bytes(Encoding.PEM))

    def issue(self, host: str, certificate: Path, key: Path) -> None:
        """Write a certificate for `host`, and its key."""
        private = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        builder = self._builder(_name(host), private.public_key())
        issued = builder.add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        certificate.write_bytes(issued.public_bytes(Encoding.PEM))
        form = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        key.write_bytes(private.private_bytes(*form))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
