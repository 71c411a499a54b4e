"""The platform's own words (roles, states, classes) as people say them, in both languages.

A test compares them with the values that operations take and return.
"""

from collections.abc import Mapping
from typing import Final

from nexus.console.lexicon import catalogue, consent, intake, portal, projects, pseudonyms, releases, room
from nexus.iam.actions import ROLES
from nexus.web.browser.language import Bilingual, Language

_ROLES: Final[Mapping[str, Bilingual[str]]] = {
    role.value: Bilingual(text.name, text.nom) for role, text in ROLES.items()
}

WORDS: Final[Mapping[str, Bilingual[str]]] = {
    **_ROLES,
    **consent.VALUES,
    **portal.VALUES,
    **projects.VALUES,
    **intake.VALUES,
    **pseudonyms.VALUES,
    **releases.VALUES,
    **catalogue.VALUES,
    **room.VALUES,
    # identities and factors
    "person": Bilingual("person", "personne"),
    "machine": Bilingual("machine", "machine"),
    "invited": Bilingual("invited", "compte à activer"),
    "active": Bilingual("active", "actif"),
    "suspended": Bilingual("suspended", "suspendu"),
    "stop": Bilingual("stop new use", "cesser tout nouvel usage"),
    "erase": Bilingual("erase", "effacer"),
    "deleted": Bilingual("deleted", "supprimé"),
    "password": Bilingual("password", "mot de passe"),
    "totp": Bilingual("authenticator code", "code d'authentification"),
    "passkey": Bilingual("passkey", "clé d'accès personnelle (passkey)"),
    "federated": Bilingual("another issuer", "autre fournisseur d'identité"),
    # purposes
    "operation": Bilingual("running the platform", "exploitation de la plateforme"),
    "care": Bilingual("care", "soins"),
    "public-health": Bilingual("public health", "santé publique"),
    "policy-making": Bilingual("policy making", "politiques de santé"),
    "statistics": Bilingual("statistics", "statistiques"),
    "education": Bilingual("education", "enseignement"),
    "research": Bilingual("research", "recherche"),
    "care-improvement": Bilingual("improvement of care", "amélioration des soins"),
    "quality": Bilingual("quality", "qualité"),
    "security": Bilingual("security", "sécurité"),
    "audit": Bilingual("audit", "contrôle"),
    "compliance": Bilingual("compliance", "conformité"),
    # intents, outcomes
    "proposed": Bilingual("waits for approval", "à valider"),
    "approved": Bilingual("approved", "validée"),
    "rejected": Bilingual("rejected", "refusée"),
    "executed": Bilingual("carried out", "exécutée"),
    "expired": Bilingual("expired", "expirée"),
    "open": Bilingual("waits for an answer", "sans réponse"),
    "granted": Bilingual("granted", "accordée"),
    "refused": Bilingual("refused", "non accordée"),
    "withdrawn": Bilingual("taken back", "retirée"),
    "allowed": Bilingual("allowed", "autorisé"),
    "denied": Bilingual("denied", "refusé"),
    "failed": Bilingual("failed", "échoué"),
    "founding": Bilingual("the founding", "la fondation"),
    # how a right is held
    "own": Bilingual("because it is one's own", "parce que c'est à soi"),
    "eligible": Bilingual("can be taken up", "peut être pris"),
    "elevated": Bilingual("taken up for a while", "pris pour un temps"),
    # how a shell ended
    "disconnected": Bilingual("left", "déconnecté"),
    "finished": Bilingual("finished", "fini"),
    "cut": Bilingual("cut by somebody", "coupé par quelqu'un"),
    "full": Bilingual("recording full", "enregistrement plein"),
    "idle": Bilingual("idle for too long", "trop longtemps inactif"),
    "lost": Bilingual("connection lost", "connexion perdue"),
    "right-ended": Bilingual("the right ended", "le droit a pris fin"),
    "unrecorded": Bilingual("could not be recorded", "n'a pas pu être enregistré"),
    # what is held for a while, and reviews
    "elevation": Bilingual("for a while", "pour un temps"),
    "emergency": Bilingual("emergency", "urgence"),
    "second-person": Bilingual("with a second person", "avec une seconde personne"),
    "alone": Bilingual("alone", "seul"),
    "all": Bilingual("for all data", "pour toutes les données"),
    "some": Bilingual("for some data or recipients only", "pour certaines données ou certains destinataires seulement"),
    "nothing": Bilingual("for no data", "pour aucune donnée"),
    "none": Bilingual("not judged yet", "pas encore jugé"),
    "justified": Bilingual("justified", "justifié"),
    "unjustified": Bilingual("not justified", "injustifié"),
    "grant": Bilingual("right", "droit"),
    "eligibility": Bilingual("eligible grant", "droit à prendre"),
    "access-key": Bilingual("access key", "clé d'accès"),
    "temporary-key": Bilingual("temporary access key", "clé d'accès temporaire"),
    "token": Bilingual("service token", "jeton de service"),
    "renewed": Bilingual("renewed", "renouvelé"),
    "ended": Bilingual("ended", "terminé"),
    # other tools that sign in here
    "openid": Bilingual("who one is", "qui l'on est"),
    "profile": Bilingual("name", "nom"),
    "email": Bilingual("e-mail", "courriel"),
    "groups": Bilingual("groups", "groupes"),
    "roles": Bilingual("roles", "rôles"),
    "storage": Bilingual("stored objects", "objets stockés"),
    "client_secret": Bilingual("shared secret", "secret partagé"),
    "private_key_jwt": Bilingual("key of its own", "clé propre"),
    # keys
    "key": Bilingual("key", "clé"),
    "data": Bilingual("data", "données"),
    "imported": Bilingual("imported", "importée"),
    "pseudonymisation": Bilingual("for pseudonyms", "pseudonymisation"),
    "signing": Bilingual("for signing", "signature"),
    "aes-256-gcm": Bilingual("AES-256-GCM", "AES-256-GCM"),
    "hmac-sha-256": Bilingual("HMAC-SHA-256", "HMAC-SHA-256"),
    "ed25519": Bilingual("Ed25519", "Ed25519"),
    "ml-dsa-44": Bilingual("ML-DSA-44", "ML-DSA-44"),
    "ecdsa-p256": Bilingual("ECDSA P-256", "ECDSA P-256"),
    "rsa-3072": Bilingual("RSA 3072", "RSA 3072"),
    "enabled": Bilingual("enabled", "active"),
    "disabled": Bilingual("disabled", "désactivée"),
    "pending-destruction": Bilingual("destruction scheduled", "destruction programmée"),
    "destroying": Bilingual("being destroyed", "destruction en cours"),
    "destroyed": Bilingual("destroyed", "détruite"),
    "in-token": Bilingual("in the token", "dans le module matériel"),
    "wrapped-by-token": Bilingual("wrapped by the token", "enveloppée par le module matériel"),
    "in-keystore": Bilingual("in the keystore", "dans le magasin de clés"),
    # buckets
    "standard": Bilingual("standard", "courant"),
    "ingress": Bilingual("ingress", "dépôt"),
    "export": Bilingual("export", "sortie"),
    "release": Bilingual("release", "jeu de données figé"),
    "off": Bilingual("off", "sans"),
    # the platform
    "starting": Bilingual("starting", "démarrage"),
    "sealed": Bilingual("sealed", "scellé"),
    "unsealed": Bilingual("unsealed", "descellé"),
    "uninitialised": Bilingual("not initialised", "non initialisé"),
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


def word(value: str, language: Language) -> str:
    """A word of the platform as people say it; what is no such word stays as it is."""
    known = WORDS.get(value)
    return known.of(language) if known else value
