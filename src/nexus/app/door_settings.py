"""Settings of what stands before the doors: reverse proxies."""

from typing import Annotated

from msgspec import Struct

from nexus.app.setting import doc
from nexus.web.proxies import Proxies, proxies


class DoorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom the doors believe when they say for whom they ask."""

    trusted_proxies: Annotated[
        tuple[str, ...],
        doc(
            "Addresses or networks of reverse proxies (`10.0.0.5`, `10.0.0.0/28`) whose word about a client's address is"
            " believed. Empty: nobody's; the peer of a connection is the client."
        ),
    ] = ()
    trusted_proxy_header: Annotated[
        str,
        doc(
            "The one header in which these proxies say it, to the right of what is there: `x-forwarded-for`, or `forwarded`"
            " (RFC 7239). The other one is ignored.",
            pattern="^(x-forwarded-for|forwarded)$",
        ),
    ] = "x-forwarded-for"

    def proxies(self) -> Proxies:
        """The trusted proxies. Raises Invalid."""
        return proxies(self.trusted_proxies, self.trusted_proxy_header)
