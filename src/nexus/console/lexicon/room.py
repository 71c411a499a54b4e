"""Words of usage, quotas and copies, in French."""

from collections.abc import Mapping
from typing import Final

FIELDS: Final[Mapping[str, str]] = {
    "away": "copies injoignables",
    "blobs": "contenus chiffrés",
    "day": "jour",
    "engine": "moteur",
    "grown_bytes": "croissance en octets",
    "lost": "sans bonne copie",
    "mended": "copies réparées",
    "needed": "copies requises",
    "places": "emplacements",
    "present": "présence des copies",
    "quota_bytes": "quota en octets",
    "quota_objects": "quota d'objets",
    "replication": "copies",
    "scrubbed": "relecture des copies",
    "tenants": "espaces",
}
