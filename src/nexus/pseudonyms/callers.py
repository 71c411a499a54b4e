"""Who may ask which of the two services what: by the certificate of the caller, a closed list.

The rights of persons are decided before the call. This list bounds what a process can do at all: what reads deliveries
gets pseudonyms and never goes back to an identity; what goes back holds no data; and the second level says a link to nobody but the
first. The worker, which leaves out of releases whoever refuses, learns under which opaque names consent knows somebody, and
holds no key that opens what stands behind those names.
"""

from collections.abc import Mapping
from typing import Final

FIRST, SECOND = "pseudonyms-first", "pseudonyms-second"
"""Names of the two services in their certificates."""

_COLLECTING: Final = frozenset({"entries", "entries_done"})
_ASKING: Final = frozenset({"open_domain", "renew", "statistics"})
_SAVING: Final = frozenset({"copy", "ping"})
CALLERS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    FIRST: {
        "worker": frozenset({"pseudonymise", "names", "known_as"}) | _COLLECTING,
        "warehouse": frozenset({"pseudonymise"}),
        "api": frozenset({"identify"}),
        "console": frozenset({"identify"}),
        "supervisor": _SAVING,
    },
    SECOND: {
        FIRST: frozenset({"enter", "given", "link_of", "links_of"}),
        "worker": frozenset({"transfer", "renewed"}) | _COLLECTING,
        "api": _ASKING,
        "console": _ASKING,
        "supervisor": _SAVING,
    },
}
WITHOUT_SECRETS: Final = _COLLECTING | _SAVING
"""What a service does while the platform is sealed: its entries and its copies need no key that it does not hold."""
