"""Network zones: names for the networks that requests come from.

A zone is a name and its networks. The most specific network that holds an address names its zone. `local` is this machine
itself, always; an address that no zone holds, and anything that is no address, is `outside`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from nexus.kernel.errors import Invalid

LOCAL, OUTSIDE = "local", "outside"
MAX_NETWORKS = 256
"""Networks of all zones together."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_LOOPBACK = ("127.0.0.0/8", "::1/128")

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Zones:
    """Which zone an address belongs to. Build with `zones`."""

    networks: tuple[tuple[Network, str], ...]
    """The most specific network first."""

    def names(self) -> frozenset[str]:
        """Every zone that an address can be in."""
        return frozenset({OUTSIDE, *(name for _, name in self.networks)})

    def of(self, origin: str) -> str:
        """The zone of a client's address; `local` for the word by which this machine's own commands go."""
        if origin == LOCAL:
            return LOCAL
        address = _address(origin)
        if address is None:
            return OUTSIDE
        return next((name for network, name in self.networks if address in network), OUTSIDE)


def zones(lines: Iterable[str] = ()) -> Zones:
    """Zones from lines such as `office=10.1.0.0/16`; a name may stand in several. Raises Invalid."""
    found = [(ip_network(text), LOCAL) for text in _LOOPBACK]
    found += [_line(line) for line in lines]
    if len(found) > MAX_NETWORKS:
        raise Invalid(f"more than {MAX_NETWORKS} networks in zones", code="iam.zones")
    if len({network for network, _ in found}) < len(found):
        raise Invalid("a network stands in two zones", code="iam.zones", hint="give each network one name")
    return Zones(tuple(sorted(found, key=lambda each: (-each[0].prefixlen, str(each[0])))))


def _line(line: str) -> tuple[Network, str]:
    name, _, text = line.partition("=")
    if _NAME.fullmatch(name) is None or name in {LOCAL, OUTSIDE}:
        raise Invalid(
            f"{line!r} names no network zone", code="iam.zones", hint="write office=10.1.0.0/16; local is taken"
        )
    try:
        return ip_network(text), name
    except ValueError as error:
        raise Invalid(f"{line!r} holds no network: {error}", code="iam.zones", hint="write 10.1.0.0/16") from error


def _address(origin: str) -> Address | None:
    """The address; one of IPv4 written in IPv6 is the one of IPv4."""
    try:
        address = ip_address(origin)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
