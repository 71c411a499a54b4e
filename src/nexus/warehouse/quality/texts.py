"""The words of the report, in English and in French."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nexus.warehouse.quality.checks import Category, Kind, Severity


@dataclass(frozen=True, slots=True)
class Texts:
    """The words of one language."""

    title: str
    passes: str
    stops: str
    stopping: str
    overview: str
    category: str
    passed: str
    failed: str
    not_applicable: str
    share: str
    failures: str
    none: str
    severity: str
    what: str
    where: str
    violated: str
    percent: str
    allowed: str
    more: str
    domains: str
    mapped: str
    unmapped: str
    all_mapped: str
    code: str
    records: str
    rare: str
    changes: str
    broken: str
    mended: str
    drifted: str
    rows: str
    before: str
    now: str
    how: str
    categories: Mapping[Category, str]
    severities: Mapping[Severity, str]
    kinds: Mapping[Kind, str]
    tables: Mapping[str, str]


_EN: Final = Texts(
    title="Data quality",
    passes="The release may pass",
    stops="The release is stopped",
    stopping="failures stop it",
    overview="Overview",
    category="Category",
    passed="passed",
    failed="failed",
    not_applicable="not applicable",
    share="passed of those applicable",
    failures="What failed",
    none="Nothing failed.",
    severity="Severity",
    what="What",
    where="Where",
    violated="Violations",
    percent="Share",
    allowed="Allowed",
    more="more failures stand in the kept run",
    domains="Records by month",
    mapped="have a standard concept",
    unmapped="Codes without a standard concept",
    all_mapped="Every code has a standard concept.",
    code="Code",
    records="Records",
    rare="rarer codes, together",
    changes="Since the run of",
    broken="newly failed",
    mended="mended",
    drifted="moved by more than a point",
    rows="Rows",
    before="before",
    now="now",
    how="27 kinds of checks as defined by OHDSI's DataQualityDashboard for CDM 5.4. Not applicable: nothing could be"
    " looked at; such a check is not counted as passed.",
    categories={
        Category.CONFORMANCE: "Conformance",
        Category.COMPLETENESS: "Completeness",
        Category.PLAUSIBILITY: "Plausibility",
    },
    severities={
        Severity.FATAL: "fatal",
        Severity.CONVENTION: "convention",
        Severity.CHARACTERIZATION: "to know of",
    },
    kinds={
        Kind.TABLE: "the table is missing",
        Kind.PERSONS: "persons without any record",
        Kind.CONDITION_ERAS: "persons with conditions and no condition era",
        Kind.PERIODS: "persons whose observation periods overlap",
        Kind.FIELD: "the field is missing",
        Kind.REQUIRED: "a required value is missing",
        Kind.DATATYPE: "no whole number",
        Kind.PRIMARY_KEY: "the key is not unique",
        Kind.FOREIGN_KEY: "refers to nothing",
        Kind.DOMAIN: "concept of another domain",
        Kind.CLASS: "concept of another class",
        Kind.STANDARD: "no valid standard concept",
        Kind.VALUES: "values are missing",
        Kind.STANDARD_RECORDS: "no standard concept (0)",
        Kind.SOURCE_RECORDS: "no source concept (0)",
        Kind.SOURCE_VALUES: "codes of the source that nothing stands for",
        Kind.LOW: "implausibly low, or early",
        Kind.HIGH: "implausibly high, or late",
        Kind.AFTER: "before what must come first",
        Kind.DURING_LIFE: "after death",
        Kind.WITHIN_VISIT: "more than a week outside its visit",
        Kind.AFTER_BIRTH: "before birth",
        Kind.BEFORE_DEATH: "more than 60 days after death",
        Kind.START_BEFORE_END: "starts after its end",
        Kind.GENDER: "implausible for the gender",
        Kind.GENDER_DESCENDANTS: "implausible for the gender (descendants)",
        Kind.UNITS: "in a unit that it is not given in",
    },
    tables={
        "visit_occurrence": "Visits",
        "condition_occurrence": "Conditions",
        "drug_exposure": "Drugs",
        "procedure_occurrence": "Procedures",
        "measurement": "Measurements",
        "observation": "Observations",
        "device_exposure": "Devices",
    },
)
_FR: Final = Texts(
    title="Qualité des données",
    passes="La version peut être publiée",
    stops="La version est bloquée",
    stopping="échecs la bloquent",
    overview="Vue d'ensemble",
    category="Catégorie",
    passed="réussis",
    failed="échoués",
    not_applicable="sans objet",
    share="réussis parmi les applicables",
    failures="Ce qui a échoué",
    none="Rien n'a échoué.",
    severity="Gravité",
    what="Quoi",
    where="Où",
    violated="Écarts",
    percent="Part",
    allowed="Toléré",
    more="autres échecs figurent dans le résultat conservé",
    domains="Enregistrements par mois",
    mapped="ont un concept standard",
    unmapped="Codes sans concept standard",
    all_mapped="Chaque code a un concept standard.",
    code="Code",
    records="Enregistrements",
    rare="codes plus rares, ensemble",
    changes="Depuis le contrôle du",
    broken="nouveaux échecs",
    mended="réparés",
    drifted="déplacés de plus d'un point",
    rows="Lignes",
    before="avant",
    now="maintenant",
    how="27 types de contrôles définis par le DataQualityDashboard d'OHDSI pour le CDM 5.4. Sans objet : rien n'a pu être"
    " examiné ; un tel contrôle ne compte pas comme réussi.",
    categories={
        Category.CONFORMANCE: "Conformité",
        Category.COMPLETENESS: "Complétude",
        Category.PLAUSIBILITY: "Plausibilité",
    },
    severities={
        Severity.FATAL: "bloquant",
        Severity.CONVENTION: "convention",
        Severity.CHARACTERIZATION: "à connaître",
    },
    kinds={
        Kind.TABLE: "la table manque",
        Kind.PERSONS: "personnes sans aucun enregistrement",
        Kind.CONDITION_ERAS: "personnes avec diagnostics sans ère de diagnostic",
        Kind.PERIODS: "personnes aux périodes d'observation chevauchantes",
        Kind.FIELD: "le champ manque",
        Kind.REQUIRED: "une valeur obligatoire manque",
        Kind.DATATYPE: "pas un nombre entier",
        Kind.PRIMARY_KEY: "la clé n'est pas unique",
        Kind.FOREIGN_KEY: "renvoie à rien",
        Kind.DOMAIN: "concept d'un autre domaine",
        Kind.CLASS: "concept d'une autre classe",
        Kind.STANDARD: "pas un concept standard valide",
        Kind.VALUES: "des valeurs manquent",
        Kind.STANDARD_RECORDS: "sans concept standard (0)",
        Kind.SOURCE_RECORDS: "sans concept source (0)",
        Kind.SOURCE_VALUES: "codes source que rien ne représente",
        Kind.LOW: "trop bas ou trop tôt pour être plausible",
        Kind.HIGH: "trop haut ou trop tard pour être plausible",
        Kind.AFTER: "avant ce qui doit précéder",
        Kind.DURING_LIFE: "après le décès",
        Kind.WITHIN_VISIT: "à plus d'une semaine de sa visite",
        Kind.AFTER_BIRTH: "avant la naissance",
        Kind.BEFORE_DEATH: "plus de 60 jours après le décès",
        Kind.START_BEFORE_END: "commence après sa fin",
        Kind.GENDER: "invraisemblable pour le sexe",
        Kind.GENDER_DESCENDANTS: "invraisemblable pour le sexe (descendants)",
        Kind.UNITS: "dans une unité qui n'est pas la sienne",
    },
    tables={
        "visit_occurrence": "Visites",
        "condition_occurrence": "Diagnostics",
        "drug_exposure": "Médicaments",
        "procedure_occurrence": "Actes",
        "measurement": "Mesures",
        "observation": "Observations",
        "device_exposure": "Dispositifs",
    },
)
TEXTS: Final[Mapping[str, Texts]] = {"en": _EN, "fr": _FR}
