"""Who may ask which of the two services what: by the certificate of the caller, a closed list.

The rights of persons are decided before the call. This list bounds what a process can do at all: what reads deliveries
gets pseudonyms and never goes back; what goes back holds no data; and the second level says a link to nobody but the first.
"""

from collections.abc import Mapping
from typing import Final

FIRST, SECOND = "pseudonyms-first", "pseudonyms-second"
"""Names of the two services in their certificates."""

CALLERS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    FIRST: {"worker": frozenset({"pseudonymise"}), "api": frozenset({"identify"})},
    SECOND: {
        FIRST: frozenset({"enter", "link_of"}),
        "worker": frozenset({"transfer", "renewed"}),
        "api": frozenset({"open_domain", "renew"}),
    },
}
