"""The platform's certificate authority issues what strict clients accept, and nothing more."""

import contextlib
import socket
import ssl
import threading
from datetime import timedelta

import pytest
from cryptography import x509

from nexus.app import pki
from nexus.kernel.clock import DAY, HOUR, SystemClock
from nexus.kernel.errors import Damaged

NOW = SystemClock().now()


@pytest.fixture(scope="module")
def authority():
    return pki.found_authority("nx_test", NOW)


def handshake(authority, leaf, tmp_path, host: str) -> str:
    """The TLS version that a strict client and a server with this leaf agree on."""
    (tmp_path / "chain.pem").write_bytes(leaf.chain + leaf.key.reveal())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "chain.pem")
    client = ssl.create_default_context(cadata=authority.certificate.decode())
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    left, right = socket.socketpair()

    def serve() -> None:
        with contextlib.suppress(ssl.SSLError, OSError):  # the client's own error is what counts
            server.wrap_socket(left, server_side=True).close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(right, server_hostname=host) as wrapped:
            return wrapped.version()
    finally:
        right.close()
        thread.join()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "nexus.hospital.example", "10.0.0.7"])
def test_a_strict_client_accepts_a_leaf_by_each_of_its_names(authority, tmp_path, host):
    leaf = pki.issue(authority, ["nexus.hospital.example", "10.0.0.7"], 24, NOW)
    assert handshake(authority, leaf, tmp_path, host) == "TLSv1.3"


def test_a_name_that_was_not_asked_for_is_refused(authority, tmp_path):
    leaf = pki.issue(authority, [], 24, NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(authority, leaf, tmp_path, "elsewhere.example")


def test_a_leaf_is_short_lived_cannot_sign_and_is_renewed_in_time(authority):
    leaf = pki.issue(authority, [], 24, NOW)
    certificate = x509.load_pem_x509_certificate(leaf.chain)
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(hours=24) + pki.BACKDATE
    assert leaf.renew_at == NOW + 16 * HOUR and leaf.expires_at == NOW + DAY


def test_two_leaves_share_neither_key_nor_serial(authority):
    one, two = pki.issue(authority, [], 24, NOW), pki.issue(authority, [], 24, NOW)
    assert one.key != two.key
    assert (
        x509.load_pem_x509_certificate(one.chain).serial_number
        != x509.load_pem_x509_certificate(two.chain).serial_number
    )


def test_another_authoritys_key_is_refused(authority):
    other = pki.found_authority("nx_other", NOW)
    with pytest.raises(Damaged):
        pki.issue(pki.Authority(authority.certificate, other.key), [], 24, NOW)
