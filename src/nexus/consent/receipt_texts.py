"""What a printed receipt says, in French and in English. Only letters of Latin-1: the fonts of PDF readers know no others."""

from collections.abc import Mapping
from typing import Final

from nexus.consent.model import DecisionKind

Texts = Mapping[str, str]

TEXTS: Final[Mapping[str, Texts]] = {
    "title": {"fr": "Récépissé de votre décision", "en": "Receipt of your decision"},
    "site": {"fr": "Établissement", "en": "Site"},
    "subject": {"fr": "Patient", "en": "Patient"},
    "decision": {"fr": "Décision", "en": "Decision"},
    "capacity": {"fr": "Décidée par", "en": "Decided by"},
    "recorded": {"fr": "Enregistrée le", "en": "Recorded on"},
    "decided": {"fr": "Décidée le", "en": "Decided on"},
    "about": {"fr": "Concerne", "en": "About"},
    "digest": {"fr": "Empreinte SHA-256", "en": "SHA-256"},
    "permitted": {"fr": "Autorisé", "en": "Permitted"},
    "refused": {"fr": "Refusé", "en": "Refused"},
    "projects": {"fr": "Projets", "en": "Projects"},
    "recipients": {"fr": "Destinataires", "en": "Recipients"},
    "categories": {"fr": "Données", "en": "Data"},
    "sensitivity": {"fr": "Sensibilité", "en": "Sensitivity"},
    "sources": {"fr": "Provenance", "en": "Source"},
    "references": {"fr": "Données précises", "en": "Single records"},
    "collected": {"fr": "Recueillies", "en": "Collected"},
    "valid": {"fr": "Valable", "en": "Valid"},
    "emergency": {"fr": "Urgence seulement", "en": "Emergencies only"},
    "yes": {"fr": "oui", "en": "yes"},
    "withdraw": {
        "fr": "Vous pouvez retirer une autorisation ou vous opposer à tout moment, sans donner de raison: sur le portail"
        " des patients ou au guichet des consentements de l'établissement. Le retrait vaut dès la lecture suivante.",
        "en": "You may withdraw a permission or object at any time, without a reason: on the patients' portal or at the"
        " consent desk of the site. A withdrawal counts from the next read on.",
    },
    "verify": {
        "fr": "Le récépissé complet est joint à ce document. Chacun peut le vérifier sans connexion, avec les clés"
        " publiques du journal: nexus consent verify-receipt FICHIER --policy FICHIER",
        "en": "The complete receipt is attached to this document. Anybody can verify it offline, with the public keys of"
        " the log: nexus consent verify-receipt FILE --policy FILE",
    },
}
KINDS: Final[Mapping[DecisionKind, Texts]] = {
    DecisionKind.PERMISSIONS: {"fr": "Ce que vous autorisez et refusez", "en": "What you permit and refuse"},
    DecisionKind.WITHDRAWAL: {"fr": "Vous avez retiré une autorisation", "en": "You withdrew a permission"},
    DecisionKind.OBJECTION: {
        "fr": "Vous vous opposez à toute réutilisation de vos données",
        "en": "You object to every secondary use of your data",
    },
    DecisionKind.LIFTING: {"fr": "Vous avez levé votre opposition", "en": "You lifted your objection"},
    DecisionKind.CORRECTION: {
        "fr": "Un enregistrement a été corrigé, par deux personnes",
        "en": "A record was corrected, by two persons",
    },
}
_FRENCH: Final[Mapping[str, str]] = {
    "care": "soins",
    "public-health": "santé publique",
    "policy-making": "politiques de santé",
    "statistics": "statistiques",
    "education": "enseignement",
    "research": "recherche",
    "care-improvement": "amélioration des soins",
    "quality": "qualité",
    "self": "le patient",
    "guardian": "titulaire de l'autorité parentale ou tuteur",
    "representative": "représentant",
    "summary": "synthèse médicale",
    "prescriptions": "ordonnances",
    "imaging": "imagerie",
    "laboratory": "biologie",
    "reports": "courriers et comptes rendus",
    "administrative": "séjours et facturation",
    "genetic": "données génétiques",
    "devices": "dispositifs médicaux",
    "wellness": "bien-être",
    "registries": "registres et biobanques",
    "mental-health": "santé mentale",
    "sexual-health": "santé sexuelle",
    "substance-use": "alcool et drogues",
    "hiv": "VIH",
    "violence": "violences subies",
    "normal": "normale",
    "restricted": "restreinte",
    "very-restricted": "très restreinte",
}


def said(value: str, language: str) -> str:
    """A value of a closed list, in words."""
    return _FRENCH.get(value, value) if language == "fr" else value.replace("-", " ")
