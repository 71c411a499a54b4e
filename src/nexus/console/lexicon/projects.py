"""Projects in words."""

from collections.abc import Mapping
from typing import Final

from nexus.web.browser.language import Bilingual

FIELDS: Final[Mapping[str, str]] = {
    "cohort": "cohorte",
    "controller": "responsable de traitement",
    "decided_on": "décidée le",
    "decisions": "décisions",
    "lacks": "ce qui manque",
    "legal_basis": "base légale",
    "period_from": "données à partir du",
    "period_until": "données jusqu'au",
    "projects": "projets",
    "pseudonym_domain": "domaine de pseudonymes",
    "reference": "référence du document signé",
    "requested_at": "déposé le",
    "requested_by": "déposé par",
    "revoked_at": "retirée le",
    "summary": "résumé",
    "tables": "tables et colonnes",
}
VALUES: Final[Mapping[str, Bilingual[str]]] = {
    "archived": Bilingual("archived", "archivé"),
    "assessment": Bilingual("impact assessment", "analyse d'impact (AIPD)"),
    "assessment-ended": Bilingual("the impact assessment has ended", "l'analyse d'impact est échue"),
    "authorised": Bilingual("authorised", "autorisé"),
    "care-improvement": Bilingual("improvement of care", "amélioration des soins"),
    "closed": Bilingual("closed", "clos"),
    "consent": Bilingual("consent", "consentement"),
    "education": Bilingual("education", "enseignement"),
    "homologation": Bilingual("homologation", "homologation"),
    "homologation-ended": Bilingual("the homologation has ended", "l'homologation est échue"),
    "legal-obligation": Bilingual("legal obligation", "obligation légale"),
    "no-assessment": Bilingual("no impact assessment", "pas d'analyse d'impact"),
    "no-homologation": Bilingual("no homologation", "pas d'homologation"),
    "no-permit": Bilingual("no permit", "pas d'autorisation"),
    "not-open": Bilingual("not open", "pas ouvert"),
    "permit": Bilingual("permit", "autorisation"),
    "permit-ended": Bilingual("the permit has ended", "l'autorisation est échue"),
    "policy-making": Bilingual("public policy", "politiques publiques"),
    "public-health": Bilingual("public health", "santé publique"),
    "public-interest": Bilingual("public interest", "intérêt public"),
    "requested": Bilingual("requested", "déposé"),
    "statistics": Bilingual("statistics", "statistiques"),
}
