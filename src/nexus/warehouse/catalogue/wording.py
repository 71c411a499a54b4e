"""Sentences of the catalogue, in both languages: what machines read and pages show."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nexus.projects.model import StudyPurpose
from nexus.warehouse.catalogue.record import Quality, Said


@dataclass(frozen=True, slots=True)
class CatalogueWords:
    """Of the catalogue itself."""

    title: Said
    description: Said


@dataclass(frozen=True, slots=True)
class StructureWords:
    """Of a dataset's parts."""

    data: Said
    counts: Said


@dataclass(frozen=True, slots=True)
class QualityWords:
    """Of what the quality gate found."""

    gate: Said

    def counted(self, found: Quality) -> Said:
        """How many checks ended how."""
        return Said(
            fr=f"{self.gate.fr} {found.passed} contrôles réussis, {found.failed} non tolérés sans être bloquants,"
            f" {found.not_applicable} sans objet.",
            en=f"{self.gate.en} {found.passed} checks passed, {found.failed} failed without stopping it,"
            f" {found.not_applicable} had nothing to look at.",
        )


CATALOGUE: Final = CatalogueWords(
    Said(fr="Catalogue des jeux de données de santé", en="Catalogue of health datasets"),
    Said(
        fr="Les jeux de données de santé que cette plateforme conserve pour la recherche et d'autres usages d'intérêt public.",
        en="The health datasets that this platform keeps for research and other uses of public interest.",
    ),
)
PROVENANCE: Final = Said(
    fr="Données transmises par des établissements et d'autres fournisseurs, rapprochées, pseudonymisées, converties au modèle"
    " OMOP et contrôlées ; les personnes qui s'y opposent n'y figurent pas.",
    en="Data that hospitals and other providers delivered, linked, pseudonymised, converted to OMOP and checked; whoever"
    " objects is not in it.",
)
STRUCTURE: Final = StructureWords(
    Said(
        fr="Tables OMOP (Parquet), lues dans la plateforme par les membres d'un projet autorisé",
        en="OMOP tables (Parquet), read inside the platform by members of a permitted project",
    ),
    Said(fr="Tables et nombres de lignes, arrondis", en="Tables and numbers of rows, rounded"),
)
QUALITY: Final = QualityWords(
    Said(
        fr="Contrôles de qualité OHDSI (DataQualityDashboard) : aucun contrôle bloquant n'a échoué.",
        en="OHDSI checks of quality (DataQualityDashboard): none failed that stops a release.",
    )
)
PURPOSES: Final[Mapping[StudyPurpose, Said]] = {
    StudyPurpose.PUBLIC_HEALTH: Said(
        fr="Santé publique et santé au travail (EEDS, art. 53(1)(a))",
        en="Public and occupational health (EHDS, art. 53(1)(a))",
    ),
    StudyPurpose.POLICY_MAKING: Said(
        fr="Élaboration des politiques publiques (EEDS, art. 53(1)(b))", en="Policy making (EHDS, art. 53(1)(b))"
    ),
    StudyPurpose.STATISTICS: Said(
        fr="Statistiques publiques (EEDS, art. 53(1)(c))", en="Statistics (EHDS, art. 53(1)(c))"
    ),
    StudyPurpose.EDUCATION: Said(
        fr="Enseignement dans le domaine de la santé (EEDS, art. 53(1)(d))",
        en="Education in the health sector (EHDS, art. 53(1)(d))",
    ),
    StudyPurpose.RESEARCH: Said(
        fr="Recherche scientifique (EEDS, art. 53(1)(e))", en="Scientific research (EHDS, art. 53(1)(e))"
    ),
    StudyPurpose.CARE_IMPROVEMENT: Said(
        fr="Amélioration des soins (EEDS, art. 53(1)(f))", en="Improvement of care (EHDS, art. 53(1)(f))"
    ),
}
