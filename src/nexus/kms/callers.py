"""Who may call what: each process of the platform has a certificate of its own, and a closed list of methods.

The rights of persons are decided elsewhere, before the call. This list bounds what a process can do at all: a
compromised S3 door cannot destroy, export or create a key, however it was told to.
"""

from collections.abc import Mapping
from typing import Final

from nexus.kernel.errors import Denied, Unauthenticated

_ALWAYS: Final = frozenset({"status"})
_FOUNDING: Final = frozenset({"initialise", "unseal", "seal", "create", "wrap", "unwrap", "public_key", "rewrap"})
_DATA_KEYS: Final = frozenset({"generate", "unwrap"})
_OPERATIONS: Final = frozenset(
    {
        "create",
        "list_keys",
        "read",
        "rotate",
        "disable",
        "enable",
        "schedule_destruction",
        "cancel_destruction",
        "import_parameters",
        "import_key",
        "import_version",
        "export_key",
        "begin_rewrap",
        "rewrap_jobs",
        "read_status",
        "unseal",
        "seal",
    }
)
_JOBS: Final = frozenset({"begin_rewrap", "rewrap_jobs", "rewrap", "rewrap_progress", "finish_rewrap"})
_BOUND: Final = frozenset({"bound_key", "sign_bound"})
"""Which use of which caller is in `uses.USES`."""
_OWN_KEYS: Final = frozenset({"generate_bound", "unwrap_bound"})
"""Under the keys that `uses.USES` gives to the caller, and no other."""
_LOG: Final = frozenset({"sign", "public_key", "entries", "entries_done"})

CALLERS: Final[Mapping[str, frozenset[str]]] = {
    "supervisor": _ALWAYS | _FOUNDING | _BOUND,
    # to find the key of a site when a bucket is created, and to know the public keys of the token issuer
    "s3": _ALWAYS | _DATA_KEYS | {"list_keys", "bound_key"},
    "api": _ALWAYS | _DATA_KEYS | _OPERATIONS | _BOUND | {"wrap", "prf", "public_key"},
    "console": _ALWAYS | _DATA_KEYS | _OPERATIONS | _BOUND,
    # Patients come from anywhere: it opens what it holds, has receipts signed, and nothing else.
    "portal": _ALWAYS | _BOUND | {"unwrap"},
    "bastion": _ALWAYS | {"unwrap", "bound_key"},
    # Providers from outside: it seals what comes in.
    "sftp": _ALWAYS | _DATA_KEYS,
    "worker": _ALWAYS | _DATA_KEYS | _JOBS | _LOG | _BOUND,
    # The two levels of pseudonyms: what is theirs, and not a key of anything that doors serve.
    "pseudonyms-first": _ALWAYS | _OWN_KEYS | {"prf_bound"},
    "pseudonyms-second": _ALWAYS | _OWN_KEYS,
    # A build of the warehouse, for as long as it takes: it opens what was delivered.
    "warehouse": _ALWAYS | {"unwrap"},
}


def methods_of(name: str) -> frozenset[str]:
    """The methods of the caller that a verified certificate names. Raises Unauthenticated for one that calls nothing."""
    try:
        return CALLERS[name]
    except KeyError:
        raise Unauthenticated(f"the service {name} does not call the key service", code="kms.caller") from None


def require(methods: frozenset[str], method: str, caller: str) -> None:
    """Raises Denied on a method that is not on the caller's list."""
    if method not in methods:
        raise Denied(f"the caller {caller} may not call this method", code="kms.method")
