"""The public catalogue in words."""

from collections.abc import Mapping
from typing import Final

from nexus.web.browser.language import Bilingual

FIELDS: Final[Mapping[str, str]] = {
    "dataset": "jeu de données du catalogue",
    "datasets": "jeux de données du catalogue",
    "described_by": "décrit par",
    "description_en": "description en anglais",
    "description_fr": "description en français",
    "health_categories": "catégories de données (EEDS, art. 51)",
    "health_themes": "thèmes de santé (Wikidata)",
    "keywords": "mots-clés",
    "lacking": "ce qui manque",
    "max_age": "âge maximal habituel",
    "min_age": "âge minimal habituel",
    "population_en": "population, en anglais",
    "population_fr": "population, en français",
    "purposes": "finalités",
    "record": "notice (Turtle)",
    "retained_until": "conservé jusqu'au",
    "title_en": "titre en anglais",
    "title_fr": "titre en français",
    "undescribed": "jeux de données ouverts absents du catalogue",
}
VALUES: Final[Mapping[str, Bilingual[str]]] = {
    "described": Bilingual("described, not public", "décrit, non public"),
    "published": Bilingual("public", "visible de tous"),
    "ehr": Bilingual("electronic health records", "dossiers médicaux électroniques"),
    "health-determinants": Bilingual("factors that affect health", "facteurs qui influent sur la santé"),
    "healthcare-resources": Bilingual("resources of health care", "ressources de soins"),
    "pathogen": Bilingual("pathogens", "agents pathogènes"),
    "admin-claims": Bilingual("administration and claims", "données administratives et de remboursement"),
    "genomic": Bilingual("genetic and genomic data", "données génétiques et génomiques"),
    "molecular": Bilingual("other molecular data", "autres données moléculaires"),
    "medical-device": Bilingual("medical devices", "dispositifs médicaux"),
    "wellness": Bilingual("wellness applications", "applications de bien-être"),
}
