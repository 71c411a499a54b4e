"""What HealthDCAT-AP demands of data that are not public: class, property, how many, of which kind. Facts, and a check of nodes.

Of release 5 of the profile, at the access level NON_PUBLIC, and of DCAT-AP 3 below it. Where national validators ask for more
(`dct:spatial`, `dpv:hasPurpose`), that is asked for here too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nexus.warehouse.catalogue.rdf import Iri, Literal, Node, Value

MANY: Final = 1_000
RELEASE: Final = "5"


@dataclass(frozen=True, slots=True)
class Rule:
    """A property: how often at least and at most, and what its values are (empty: anything)."""

    term: str
    least: int = 0
    most: int = MANY
    kind: str = ""
    """`iri`, `literal`, `node` (named or blank), or the datatype of a literal."""


RULES: Final[dict[str, tuple[Rule, ...]]] = {
    "dcat:Catalog": (
        Rule("dct:title", 1, kind="literal"),
        Rule("dct:description", 1, kind="literal"),
        Rule("dct:publisher", 1, 1, "node"),
        Rule("dcatap:applicableLegislation", 1, kind="iri"),
        Rule("dcat:dataset", 0, kind="node"),
    ),
    "dcat:Dataset": (
        Rule("dct:title", 1, kind="literal"),
        Rule("dct:description", 1, kind="literal"),
        Rule("dct:identifier", 1, kind="literal"),
        Rule("dct:accessRights", 1, 1, "iri"),
        Rule("dcatap:applicableLegislation", 1, kind="iri"),
        Rule("dcat:distribution", 1, kind="node"),
        Rule("dct:publisher", 1, 1, "node"),
        Rule("dcat:theme", 1, kind="iri"),
        Rule("healthdcatap:hdab", 1, 1, "node"),
        Rule("healthdcatap:healthCategory", 1, kind="iri"),
        Rule("dcat:contactPoint", 1, kind="node"),
        Rule("dcat:keyword", 1, kind="literal"),
        Rule("dct:type", 1, kind="node"),
        Rule("dct:provenance", 1, kind="node"),
        Rule("dct:spatial", 1, kind="node"),
        Rule("dpv:hasPurpose", 1, kind="node"),
        Rule("healthdcatap:healthTheme", kind="node"),
        Rule("healthdcatap:analytics", kind="node"),
        Rule("healthdcatap:hasCodingSystem", kind="node"),
        Rule("healthdcatap:minTypicalAge", 0, 1, "xsd:nonNegativeInteger"),
        Rule("healthdcatap:maxTypicalAge", 0, 1, "xsd:nonNegativeInteger"),
        Rule("healthdcatap:numberOfRecords", 0, 1, "xsd:nonNegativeInteger"),
        Rule("healthdcatap:numberOfUniqueIndividuals", 0, 1, "xsd:nonNegativeInteger"),
        Rule("healthdcatap:populationCoverage", kind="literal"),
        Rule("healthdcatap:retentionPeriod", 0, 1, "node"),
        Rule("dct:temporal", kind="node"),
    ),
    "dcat:Distribution": (
        Rule("dcatap:applicableLegislation", 1, kind="iri"),
        Rule("dcat:accessURL", 1, kind="node"),
    ),
    "foaf:Agent": (Rule("foaf:name", 1, kind="literal"), Rule("dcat:contactPoint", 1, 1, "node")),
    "vcard:Kind": (Rule("vcard:hasEmail", 0, 1, "iri"), Rule("vcard:hasURL", 0, 1, "iri")),
}
"""Class -> what is asked of its properties."""
ORIGINS: Final = {
    "adms:sample": "never: no row of a patient is public",
    "dcat:contactPoint": "settings `catalogue_publisher`, `catalogue_contact`",
    "dcat:distribution": "derived: OMOP tables, read inside the platform; `accessURL` is the dataset's page",
    "dcat:keyword": "described: `keywords`",
    "dcat:theme": "constant: HEAL",
    "dcatap:applicableLegislation": "constant: Regulation (EU) 2025/327 (EHDS) and GDPR",
    "dct:accessRights": "constant: NON_PUBLIC",
    "dct:conformsTo": "constant: OMOP CDM 5.4",
    "dct:description": "described: `description_fr`, `description_en`",
    "dct:identifier": "derived: the address of its page",
    "dct:issued": "derived: the day of publication",
    "dct:provenance": "constant: how data come into the warehouse",
    "dct:publisher": "settings `catalogue_publisher`, `catalogue_contact`",
    "dct:spatial": "setting `catalogue_country`",
    "dct:temporal": "the permit's period; of the warehouse described: `period_from`, `period_until`",
    "dct:title": "described: `title_fr`, `title_en`",
    "dct:type": "constant: PERSONAL_DATA",
    "dpv:hasLegalBasis": "the project; of the warehouse described: `legal_basis`",
    "dpv:hasPersonalData": "derived: from the tables that it has",
    "dpv:hasPurpose": "the project; of the warehouse described: `purposes`",
    "dqv:hasQualityAnnotation": "the quality gate: counts where the kept run is the one of this release, else that nothing stopped it",
    "foaf:page": "derived: the address of its page",
    "healthdcatap:analytics": "derived: tables and rounded counts, on its page",
    "healthdcatap:hasCodingSystem": "derived: from the tables that it has, by OMOP's convention",
    "healthdcatap:hdab": "settings `catalogue_access_body`, `catalogue_access_body_contact`",
    "healthdcatap:healthCategory": "described: `health_categories`",
    "healthdcatap:healthTheme": "described: `health_themes`",
    "healthdcatap:maxTypicalAge": "described: `max_age`, rounded up to five",
    "healthdcatap:minTypicalAge": "described: `min_age`, rounded down to five",
    "healthdcatap:numberOfRecords": "the manifest: the sum of the rounded rows of tables about patients",
    "healthdcatap:numberOfUniqueIndividuals": "the manifest: rows of `person`, rounded down to tens; not said below 11",
    "healthdcatap:populationCoverage": "described: `population_fr`, `population_en`",
    "healthdcatap:retentionPeriod": "the end of the permit; of the warehouse described: `retained_until`",
}
"""Property of a dataset -> where its value comes from."""
REACHED: Final = ("vcard:hasEmail", "vcard:hasURL")
"""One of them is asked of every `vcard:Kind`."""


def lacking(node: Node) -> list[str]:
    """What keeps a node, and those below it, from the profile: `class property`, in order, each once."""
    return sorted({lack for one in node.nodes() for lack in _lacking(one)})


def _lacking(node: Node) -> Iterator[str]:
    for known in node.classes:
        for rule in RULES.get(known, ()):
            values = node.of(rule.term)
            if not rule.least <= len(values) <= rule.most or not all(_fits(value, rule.kind) for value in values):
                yield f"{known} {rule.term}"
        if known == "vcard:Kind" and not any(node.of(term) for term in REACHED):
            yield f"{known} {' or '.join(REACHED)}"


def _fits(value: Value, kind: str) -> bool:
    if not kind:
        return True
    if kind == "iri":
        return isinstance(value, Iri)
    if kind == "node":
        return isinstance(value, Iri | Node)
    if not isinstance(value, Literal) or not value.text.strip():
        return False
    return kind in {"literal", value.datatype}
