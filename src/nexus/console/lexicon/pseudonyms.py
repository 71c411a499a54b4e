"""Pseudonyms in words."""

from collections.abc import Mapping
from typing import Final

from nexus.web.browser.language import Bilingual

VALUES: Final[Mapping[str, Bilingual[str]]] = {
    "queued": Bilingual("waiting", "en attente"),
    "rewritten": Bilingual("rewritten", "réécrit"),
    "not-rewritten": Bilingual("refused", "refusé"),
}
FIELDS: Final[Mapping[str, str]] = {
    "born": "date de naissance",
    "commune": "code de la commune de naissance",
    "domain": "domaine de pseudonymes",
    "domains": "domaines de pseudonymes",
    "code": "code",
    "epoch": "époque du secret",
    "family_name": "nom de naissance",
    "identities": "colonnes qui identifient",
    "into": "compartiment de destination",
    "into_key": "objet de destination",
    "key": "objet",
    "given_name": "prénom",
    "nir": "NIR (13 caractères)",
    "people": "personnes",
    "pseudonym": "pseudonyme",
    "pseudonyms": "pseudonymes",
    "provider": "fournisseur",
    "ready": "achevée",
    "record": "numéro du dossier chez le fournisseur",
    "rows": "lignes",
    "separator": "séparateur",
    "subject": "nom sous lequel le consentement connaît le patient",
    "sex": "sexe à l'état civil",
    "shown": "visible par le patient",
    "twin_rank": "rang de naissance (jumeaux)",
}
