"""The doors' TLS, asked from outside: which versions, which key exchange, how long the certificate lasts."""

import os
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from nexus.app.datadir import DataDirectory
from nexus.app.doctor.finding import Finding, broken, degraded, real

TIMEOUT_S = 3.0
X25519MLKEM768 = 0x11EC
"""Hybrid key exchange that a quantum computer does not break later (draft-ietf-tls-ecdhe-mlkem)."""
_HANDSHAKE, _SERVER_HELLO, _KEY_SHARE = 0x16, 0x02, 0x0033
_HELLO_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The `random` by which a ServerHello says that it is a HelloRetryRequest (RFC 8446, 4.1.3)."""


def versions(door: str, host: str, port: int) -> Finding:
    """TLS 1.3 must work and TLS 1.2 must not."""
    subject = f"{door}: TLS"
    try:
        if not _speaks(host, port, ssl.TLSVersion.TLSv1_3):
            return broken(subject, "TLS 1.3 is refused", "restart the platform")
        if _speaks(host, port, ssl.TLSVersion.TLSv1_2):
            return broken(subject, "TLS 1.2 is accepted", "nothing but the platform may listen on this port")
    except OSError as error:
        return broken(subject, f"the door does not answer: {error.strerror or error}", "`nexus status`, `nexus up`")
    return real(subject, "1.3 only")


def key_exchange(door: str, host: str, port: int) -> Finding:
    """Whether the door offers a key exchange that resists quantum computers."""
    subject = f"{door}: key exchange"
    try:
        if offers(host, port, X25519MLKEM768):
            return real(subject, "X25519MLKEM768: what is recorded today stays closed to quantum computers")
    except OSError as error:
        return broken(subject, f"the door does not answer: {error.strerror or error}", "`nexus status`, `nexus up`")
    return degraded(
        subject,
        "X25519 without ML-KEM: traffic recorded today could be read by a later quantum computer",
        "the TLS library of this granian build lacks it; reach the door through a tunnel that has it, or await one",
    )


def certificate(door: str, host: str, port: int) -> Finding:
    """How long the certificate that the door shows is still good."""
    subject = f"{door}: certificate"
    try:
        with socket.create_connection((host, port), TIMEOUT_S) as plain, _context().wrap_socket(plain) as wrapped:
            shown = wrapped.getpeercert(binary_form=True) or b""
    except OSError as error:
        return broken(subject, f"the door does not answer: {error.strerror or error}", "`nexus status`, `nexus up`")
    left = x509.load_der_x509_certificate(shown).not_valid_after_utc - datetime.now(UTC)
    hours = left.total_seconds() / 3_600
    if hours <= 0:
        return broken(subject, "has ended", "restart the platform; it renews certificates by itself")
    return real(subject, f"own authority, ends in {hours:.0f} h, renewed before")


def services(directory: DataDirectory) -> Sequence[Finding]:
    """The sockets between services: a stranger without a certificate gets nowhere, and which key exchange they offer."""
    findings = []
    for name, path in (("key service", directory.kms_socket), ("supervisor", directory.supervisor_socket)):
        try:
            heard = _plain_answer(path)
            hybrid = _offers(_local(path), X25519MLKEM768)
        except OSError as error:
            findings.append(broken(f"{name}: TLS", f"it does not answer: {error.strerror or error}", "`nexus status`"))
            continue
        if heard:
            findings.append(broken(f"{name}: TLS", "it answers without TLS", "restart the platform"))
        else:
            findings.append(real(f"{name}: TLS", "1.3 only, certificates both ways"))
        if hybrid:
            findings.append(real(f"{name}: key exchange", "X25519MLKEM768"))
        else:
            findings.append(
                degraded(
                    f"{name}: key exchange",
                    f"X25519 without ML-KEM ({ssl.OPENSSL_VERSION}); the socket is local: nothing of it crosses a network",
                    "run Nexus on a Python whose ssl has OpenSSL 3.5 or newer",
                )
            )
    return findings


def offers(host: str, port: int, group: int) -> bool:
    """Whether the TLS 1.3 server at this address would do its key exchange with `group`."""
    return _offers(socket.create_connection((host, port), TIMEOUT_S), group)


def _offers(connected: socket.socket, group: int) -> bool:
    """Whether a TLS 1.3 server would do its key exchange with `group`.

    Sends a ClientHello that supports this group alone and carries no share for it: a server that knows the group must
    answer with a HelloRetryRequest for it, any other with an alert (RFC 8446, 4.1.1). Needs no TLS library that knows it.
    """
    with connected as connection:
        connection.sendall(_client_hello(group))
        answer = _record(connection)
    if len(answer) < 6 + 2 + 32 or answer[0] != _HANDSHAKE or answer[5] != _SERVER_HELLO:
        return False
    is_retry = answer[11:43] == _HELLO_RETRY
    share = _KEY_SHARE.to_bytes(2, "big") + b"\x00\x02" + group.to_bytes(2, "big")
    return is_retry and share in answer


def _local(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(TIMEOUT_S)
    connection.connect(str(path))
    return connection


def _plain_answer(path: Path) -> bytes:
    """What somebody who speaks no TLS is told: a TLS alert at most (0x15), which counts as nothing."""
    with _local(path) as connection:
        connection.sendall(b'{"do": "status"}\n')
        try:
            heard = connection.recv(1)
        except (TimeoutError, ConnectionError):
            return b""
    return b"" if heard == b"\x15" else heard


def _client_hello(group: int) -> bytes:
    def sized(body: bytes, width: int = 2) -> bytes:
        return len(body).to_bytes(width, "big") + body

    def extension(kind: int, body: bytes) -> bytes:
        return kind.to_bytes(2, "big") + sized(body)

    extensions = (
        extension(0x002B, sized(b"\x03\x04", 1))  # supported_versions: TLS 1.3
        + extension(0x000A, sized(group.to_bytes(2, "big")))  # supported_groups: this one
        + extension(_KEY_SHARE, sized(b""))  # key_share: none yet
        + extension(0x000D, sized(bytes.fromhex("040308040807")))  # signature_algorithms: P-256, RSA-PSS, Ed25519
    )
    body = (
        b"\x03\x03"
        + os.urandom(32)
        + sized(os.urandom(32), 1)
        + sized(bytes.fromhex("130113021303"))
        + sized(b"\x00", 1)
        + sized(extensions)
    )
    return b"\x16\x03\x01" + sized(b"\x01" + sized(body, 3))


def _record(connection: socket.socket) -> bytes:
    """One TLS record, header included; what came of it if the connection ends early."""
    received = b""
    while len(received) < 5 or len(received) < 5 + int.from_bytes(received[3:5], "big"):
        try:
            part = connection.recv(4_096)
        except ConnectionResetError:
            break
        if not part:
            break
        received += part
    return received


def _speaks(host: str, port: int, version: ssl.TLSVersion) -> bool:
    context = _context()
    context.minimum_version = context.maximum_version = version
    with socket.create_connection((host, port), TIMEOUT_S) as plain:
        try:
            with context.wrap_socket(plain):
                return True
        except (ssl.SSLError, ConnectionError):
            return False


def _context() -> ssl.SSLContext:
    """Trusts anything: the doctor looks at the certificate, it does not rely on it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
