"""The platform's own words (roles, states) as people say them, in both languages. A test compares them with the models."""

from collections.abc import Mapping
from typing import Final

from nexus.console.language import Bilingual

WORDS: Final[Mapping[str, Bilingual[str]]] = {
    # roles
    "platform_operator": Bilingual("platform operator", "exploitant de la plateforme"),
    "security_officer": Bilingual("security officer", "responsable de la sécurité"),
    "key_custodian": Bilingual("key custodian", "gardien des clés"),
    "auditor": Bilingual("auditor", "auditeur"),
    "data_protection_officer": Bilingual("data protection officer", "délégué à la protection des données"),
    "data_provider": Bilingual("data provider", "établissement fournisseur"),
    "data_steward": Bilingual("data steward", "gestionnaire de données"),
    "researcher": Bilingual("researcher", "chercheur"),
    "output_checker": Bilingual("output checker", "vérificateur de sorties"),
    # identities
    "person": Bilingual("person", "personne"),
    "machine": Bilingual("machine", "machine"),
    "invited": Bilingual("invited", "invitée"),
    "active": Bilingual("active", "active"),
    "suspended": Bilingual("suspended", "suspendue"),
    "deleted": Bilingual("deleted", "supprimée"),
    # the platform
    "starting": Bilingual("starting", "démarrage"),
    "sealed": Bilingual("sealed", "scellée"),
    "unsealed": Bilingual("unsealed", "descellée"),
    "uninitialised": Bilingual("not initialised", "non initialisée"),
    "opening": Bilingual("opening", "ouverture"),
    "running": Bilingual("running", "en marche"),
    "waiting": Bilingual("will be started again", "va redémarrer"),
    "stopping": Bilingual("stopping", "arrêt"),
    "stopped": Bilingual("stopped", "arrêté"),
    # findings of the doctor
    "real": Bilingual("real", "réel"),
    "emulated": Bilingual("emulated", "émulé"),
    "degraded": Bilingual("degraded", "dégradé"),
    "broken": Bilingual("broken", "en panne"),
    "unknown": Bilingual("not known", "inconnu"),
}
