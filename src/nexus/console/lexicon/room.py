"""Words of usage, quotas and copies."""

from collections.abc import Mapping
from typing import Final

from nexus.web.browser.language import Bilingual

FIELDS: Final[Mapping[str, str]] = {
    "advice": "à faire",
    "away": "copies injoignables",
    "blobs": "contenus chiffrés",
    "condition": "en ce moment",
    "day": "jour",
    "disk": "disque monté sur",
    "engine": "moteur",
    "free_bytes": "place libre, en octets",
    "good_copies": "bonnes copies",
    "grown_bytes": "croissance en octets",
    "lost": "sans bonne copie",
    "mended": "copies réparées",
    "missing_copies": "copies manquantes",
    "needed": "copies requises",
    "place": "emplacement",
    "places": "emplacements",
    "present": "présence des copies",
    "present_next_at": "prochain contrôle de présence",
    "quota_bytes": "quota en octets",
    "quota_objects": "quota d'objets",
    "replication": "copies",
    "scrubbed": "relecture des copies",
    "scrubbed_next_at": "prochaine relecture",
    "tenants": "espaces",
    "total_bytes": "taille du disque, en octets",
    "walked_at": "compté",
}

VALUES: Final[Mapping[str, Bilingual[str]]] = {
    "reachable": Bilingual("reachable", "joignable"),
    "disk-full": Bilingual("disk full", "disque plein"),
    "read-only": Bilingual("read-only", "en lecture seule"),
    "failing": Bilingual("failing", "en défaut"),
    "away": Bilingual("away", "absent"),
    "foreign": Bilingual("of another platform", "d'une autre plateforme"),
    "silent": Bilingual("does not answer", "ne répond pas"),
    "mount-or-add-place": Bilingual("mount its disk, or add a new one", "monter le disque, ou en ajouter un nouveau"),
    "free-space": Bilingual("free space", "libérer de la place"),
    "check-the-disk": Bilingual("check the disk and its rights", "contrôler le disque et ses droits"),
    "name-another-folder": Bilingual("name another folder", "indiquer un autre répertoire"),
    "check-the-store": Bilingual("check the store", "contrôler l'entrepôt S3"),
    "fsck-mend": Bilingual("mend it now (fsck)", "réparer sans attendre (fsck)"),
    "restore-from-backup": Bilingual("restore from a backup", "restaurer une sauvegarde"),
}
