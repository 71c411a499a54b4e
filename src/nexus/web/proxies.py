"""Who sent a request, when reverse proxies of the installation stand before a door. One place for every door.

A door believes what a proxy says of the client, and only of proxies whose networks the settings name. In numbered steps:

1. The peer of the connection is no trusted proxy: it is the client. Nothing that its headers say of it is believed.
2. The peer is one: the client is the rightmost hop that is none, in the one header that this installation's proxies write.
   A proxy adds to the right, so whatever a client has written stands further left. The other header of the two is ignored:
   a proxy that does not write it lets the client's own pass.
3. What cannot be read there (no header, no address, too many hops) is `unknown`: it belongs to no network zone and shares
   one throttle. A proxy is never mistaken for the client whom it did not name.
4. `Client-Cert` (RFC 9440) is kept only from a trusted proxy, where the settings say that proxies verify certificates
   and replace that header; whatever else comes under this name is removed before any door sees it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from nexus.kernel.errors import Invalid

UNKNOWN: Final = "unknown"
MAX_HOPS: Final = 16
"""Proxies between a client and a door."""
MAX_HEADER_BYTES: Final = 2_048
MAX_KNOWN_PEERS: Final = 4_096
"""Addresses of connections that are remembered as they are written."""
MAX_NETWORKS: Final = 64
CERTIFICATE: Final = b"client-cert"
_CERTIFICATES: Final = frozenset({CERTIFICATE, b"client-cert-chain"})
_PORT: Final = re.compile(r":[0-9]{1,5}\Z")
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110
_PAIR: Final = re.compile(rf"[ \t]*({_TOKEN})=({_TOKEN}|\"(?:[^\"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*\")[ \t]*([;,]|\Z)")

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Headers = Sequence[tuple[bytes, bytes]]


class ForwardedBy(StrEnum):
    """The header in which the installation's proxies say for whom they ask."""

    X_FORWARDED_FOR = "x-forwarded-for"
    FORWARDED = "forwarded"
    """RFC 7239."""


@dataclass(frozen=True, slots=True)
class Proxies:
    """The trusted reverse proxies. Without networks: none. Build with `proxies`."""

    networks: tuple[Network, ...] = ()
    header: ForwardedBy = ForwardedBy.X_FORWARDED_FOR
    certificates: bool = False
    """Whether they verify certificates of clients, and replace `Client-Cert` in every request."""

    def trusts(self, peer: str) -> bool:
        """Whether a peer is one of them."""
        if not self.networks:
            return False
        address = _address(peer)
        return address is not None and self._holds(address)

    def client(self, peer: str, headers: Headers) -> str:
        """The network address of the client, or `unknown`. Steps 1 to 3."""
        if not self.trusts(peer):
            return _plain(peer)
        hops = self._hops(headers)
        for hop in reversed(hops):
            address = _hop(hop)
            if address is None:
                return UNKNOWN
            if not self._holds(address):
                return str(address)
        return UNKNOWN

    def _hops(self, headers: Headers) -> Sequence[str]:
        """What the header says, the first proxy's word first. None where it cannot be read as a whole."""
        name = self.header.value.encode()
        lines = [value for given, value in headers if given.lower() == name]
        text = b",".join(lines)
        if len(text) > MAX_HEADER_BYTES or not text.isascii():
            return ()
        plain = text.decode("ascii")
        hops = _forwarded(plain) if self.header is ForwardedBy.FORWARDED else [hop.strip() for hop in plain.split(",")]
        return hops if len(hops) <= MAX_HOPS else ()

    def _holds(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


NO_PROXIES: Final = Proxies()


def proxies(networks: Iterable[str], header: str = "x-forwarded-for", *, certificates: bool = False) -> Proxies:
    """From settings such as `10.0.0.5` or `10.0.0.0/28`. Raises Invalid, also on a network that holds everybody."""
    found: list[Network] = []
    for text in networks:
        try:
            network = ip_network(text)
        except ValueError as error:
            hint = "write 10.0.0.5 or 10.0.0.0/28"
            raise Invalid(f"{text!r} is no network of a proxy: {error}", code="web.proxies", hint=hint) from error
        if network.prefixlen == 0:
            raise Invalid("whoever trusts every address as a proxy believes every client", code="web.proxies")
        found.append(network)
    if len(found) > MAX_NETWORKS:
        raise Invalid(f"more than {MAX_NETWORKS} networks of proxies", code="web.proxies")
    if certificates and not found:
        raise Invalid("certificates that nobody forwards: name the proxies", code="web.proxies")
    return Proxies(tuple(found), ForwardedBy(header), certificates)


def certificate(headers: Headers) -> str:
    """The certificate that a trusted proxy showed, or empty; two of them are none, for nobody knows whose they are."""
    found = [value for name, value in headers if name.lower() == CERTIFICATE]
    return found[0].decode("latin-1").strip() if len(found) == 1 else ""


class BehindProxies:
    """The door behind the proxies: what it sees of the client is what may be believed."""

    def __init__(self, app: ASGIApp, trusted: Proxies) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            scope = self._believed(scope)
        await self._app(scope, receive, send)

    def _believed(self, scope: Scope) -> Scope:
        headers: Headers = scope["headers"]
        peer = scope["client"][0] if scope.get("client") else UNKNOWN
        believed = {**scope, "client": (self._trusted.client(peer, headers), 0)}
        keeps = self._trusted.certificates and self._trusted.trusts(peer)
        if any(name.lower() in _CERTIFICATES for name, _ in headers) and not keeps:
            believed["headers"] = [line for line in headers if line[0].lower() not in _CERTIFICATES]
        return believed


@lru_cache(maxsize=MAX_KNOWN_PEERS)
def _plain(peer: str) -> str:
    address = _address(peer)
    return UNKNOWN if address is None else str(address)


def _address(text: str) -> Address | None:
    """An address; one of IPv4 written in IPv6 is the one of IPv4, and one of a zone (`%eth0`) is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return None if address.scope_id else address.ipv4_mapped or address
    return address


def _hop(text: str) -> Address | None:
    """`192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:443`; anything else is None."""
    if text.startswith("["):
        inner, bracket, port = text[1:].partition("]")
        return _address(inner) if bracket and ":" in inner and (not port or _PORT.match(port)) else None
    if text.count(":") == 1:
        text = _PORT.sub("", text)
    return _address(text)


def _forwarded(text: str) -> list[str]:
    """The `for` of each element of RFC 7239; nothing at all where it is not well-formed to the end."""
    hops: list[str] = []
    at, element = 0, dict[str, str]()
    while at < len(text):
        pair = _PAIR.match(text, at)
        if pair is None or (name := pair[1].lower()) in element:
            return []
        element[name] = re.sub(r"\\(.)", r"\1", pair[2][1:-1]) if pair[2].startswith('"') else pair[2]
        at = pair.end()
        if pair[3] != ";":
            hops.append(element.get("for", ""))
            element = {}
    return hops if not element and not text.endswith(",") else []
