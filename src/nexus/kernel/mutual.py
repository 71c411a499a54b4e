"""Who a service is to other services: a short-lived certificate with a SPIFFE id; TLS 1.3 with certificates both ways.

A `ServiceIdentity` holds two TLS contexts, for calling and for being called, and is renewed in place: connections that
stand go on, new ones show the new certificate. Who may call is decided by the called service, from `peer_service`.
docs/explanation/machine-identity.md
"""

import asyncio
import re
import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from tempfile import NamedTemporaryFile
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from msgspec import Struct

from nexus.kernel.errors import Unauthenticated

HANDSHAKE_S: Final = 5.0
"""A handshake that takes longer is given up."""
_SPIFFE: Final = re.compile(r"\Aspiffe://([a-z0-9._-]{1,255})/service/([a-z0-9-]{1,64})\Z")


class Credentials(Struct, frozen=True, array_like=True):
    """A service's certificate chain (PEM), its private key (PKCS#8 PEM), the roots that it trusts (PEM), and its times."""

    chain: bytes
    key: bytes
    trust: bytes
    renew_at: int
    """Microseconds since 1970."""
    expires_at: int


@dataclass(frozen=True, slots=True)
class Peer:
    """The service at the other end, as its certificate says."""

    name: str
    ends_at: float
    """End of its certificate, in seconds since 1970: a connection does not outlive it."""


def spiffe_id(trust_domain: str, name: str) -> str:
    """The name of a service in its certificate. `trust_domain`: the instance id of the platform."""
    return f"spiffe://{trust_domain}/service/{name}"


class ServiceIdentity:
    """The certificate of this process, and TLS with it."""

    def __init__(self, credentials: Credentials) -> None:
        """Raises ValueError on credentials that name no service."""
        self.credentials = credentials
        self.trust_domain, self.name = _own_name(credentials.chain)
        self.server = _context(ssl.PROTOCOL_TLS_SERVER)
        self.client = _context(ssl.PROTOCOL_TLS_CLIENT)
        self._listeners: list[Callable[[], None]] = []
        self._take(credentials)

    def renew(self, credentials: Credentials) -> None:
        """From now on, new connections show this certificate. Raises ValueError if it names another service."""
        if _own_name(credentials.chain) != (self.trust_domain, self.name):
            raise ValueError("these are the credentials of another service")
        self.credentials = credentials
        self._take(credentials)
        for listener in self._listeners:
            listener()

    def on_renewal(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each renewal; it must neither wait nor raise."""
        self._listeners.append(listener)

    def _take(self, credentials: Credentials) -> None:
        for context in (self.server, self.client):
            context.load_verify_locations(cadata=credentials.trust.decode("ascii"))
            _load_chain(context, credentials)


def peer_service(transport: asyncio.BaseTransport, trust_domain: str) -> Peer:
    """Who is at the other end. Raises Unauthenticated unless a verified certificate names a service of this platform."""
    shown = transport.get_extra_info("peercert") or {}
    names = [value for kind, value in shown.get("subjectAltName", ()) if kind == "URI"]
    found = _SPIFFE.match(names[0]) if len(names) == 1 else None
    if found is None or found[1] != trust_domain:
        raise Unauthenticated("the certificate names no service of this platform", code="mutual.peer")
    return Peer(found[2], float(ssl.cert_time_to_seconds(shown["notAfter"])))


def require_service(transport: asyncio.BaseTransport, trust_domain: str, name: str) -> Peer:
    """The service at the other end, which must be that one. Raises Unauthenticated."""
    peer = peer_service(transport, trust_domain)
    if peer.name != name:
        raise Unauthenticated(f"the service at the other end is not {name}", code="mutual.peer")
    return peer


def _own_name(chain: bytes) -> tuple[str, str]:
    names = (
        x509.load_pem_x509_certificate(chain)
        .extensions.get_extension_for_class(x509.SubjectAlternativeName)
        .value.get_values_for_type(x509.UniformResourceIdentifier)
    )
    found = _SPIFFE.match(names[0]) if len(names) == 1 else None
    if found is None:
        raise ValueError("this certificate names no service")
    return found[1], found[2]


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.check_hostname = False  # services have no host names: `peer_service` reads their SPIFFE id
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.options |= ssl.OP_NO_TICKET
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0  # a resumed session would not look at the certificate again
    return context


def _load_chain(context: ssl.SSLContext, credentials: Credentials) -> None:
    """The library wants a file. It gets one with the key encrypted under a password that never leaves this function."""
    password = secrets.token_hex(32)
    key = serialization.load_pem_private_key(credentials.key, password=None)
    cipher = serialization.BestAvailableEncryption(password.encode())
    sealed = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, cipher)
    with NamedTemporaryFile(prefix="nexus-tls-") as file:
        file.write(credentials.chain + sealed)
        file.flush()
        context.load_cert_chain(file.name, password=password)
