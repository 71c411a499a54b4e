"""A record as RDF: HealthDCAT-AP. What is not known is not said. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from nexus.projects.model import LegalBasis, StudyPurpose
from nexus.warehouse.catalogue.describing import HealthCategory
from nexus.warehouse.catalogue.rdf import Iri, Literal, Node, Value
from nexus.warehouse.catalogue.record import Party, Record, Said
from nexus.warehouse.catalogue.wording import CATALOGUE, PROVENANCE, PURPOSES, QUALITY, STRUCTURE

LAWS: Final = ("http://data.europa.eu/eli/reg/2025/327/oj", "http://data.europa.eu/eli/reg/2016/679/oj")
"""Applicable legislation: the European Health Data Space, and the GDPR."""
EU: Final = "http://publications.europa.eu/resource/authority"
NON_PUBLIC: Final = f"{EU}/access-right/NON_PUBLIC"
HEALTH: Final = f"{EU}/data-theme/HEAL"
PERSONAL: Final = f"{EU}/dataset-type/PERSONAL_DATA"
CATEGORY: Final = "http://healthdata.ec.europa.eu/authority/health-category/"
WIKIDATA: Final = "http://www.wikidata.org/entity/"
CDM: Final = "https://ohdsi.github.io/CommonDataModel/cdm54.html"
CODING: Final = {
    "condition_occurrence": "P5806",
    "procedure_occurrence": "P5806",
    "observation": "P5806",
    "drug_exposure": "P3345",
    "measurement": "P4338",
}
"""By the convention of OMOP, the standard concepts of these tables are of SNOMED CT, RxNorm and LOINC (properties of Wikidata)."""
PERSONAL_DATA: Final = {
    "person": ("Age", "Gender"),
    "condition_occurrence": ("MedicalHealth",),
    "drug_exposure": ("Prescription",),
    "visit_occurrence": ("HealthRecord",),
}
"""Categories of personal data (DPV) that each table holds."""
BASES: Final = {
    LegalBasis.CONSENT: "A6-1-a",
    LegalBasis.PUBLIC_INTEREST: "A6-1-e",
    LegalBasis.LEGAL_OBLIGATION: "A6-1-c",
}
"""Letters of GDPR art. 6(1), as DPV names them."""
Pairs = list[tuple[str, Value]]


def catalogue(records: Sequence[Record], address: str, publisher: Party) -> list[Node]:
    """The catalogue and every dataset of it."""
    datasets = [dataset(record) for record in records]
    said: Pairs = [
        *_both("dct:title", CATALOGUE.title),
        *_both("dct:description", CATALOGUE.description),
        ("dct:publisher", _agent(publisher)),
        *_laws(),
        *(("dcat:dataset", each) for each in datasets),
    ]
    return [Node(("dcat:Catalog",), tuple(said), address), *datasets]


def dataset(record: Record) -> Node:
    """One dataset."""
    said: Pairs = [
        *_both("dct:title", record.title),
        *_both("dct:description", record.description),
        ("dct:identifier", Literal(record.address, datatype="xsd:anyURI")),
        ("dct:accessRights", Iri(NON_PUBLIC)),
        *_laws(),
        ("dct:publisher", _agent(record.publisher)),
        *_named_agent("healthdcatap:hdab", record.access_body),
        *_contact(record.publisher),
        ("dcat:theme", Iri(HEALTH)),
        ("dct:type", Iri(PERSONAL)),
        *(("dcat:keyword", Literal(word)) for word in record.keywords),
        *(("healthdcatap:healthCategory", Iri(CATEGORY + _category(each))) for each in record.categories),
        *(("healthdcatap:healthTheme", Iri(WIKIDATA + each)) for each in record.themes),
        *_country(record.country),
        ("dct:issued", Literal(record.issued, datatype="xsd:date")),
        ("dct:conformsTo", Iri(CDM)),
        *_law_of(record),
        *_period("dct:temporal", record.period_from, record.period_until),
        *_period("healthdcatap:retentionPeriod", "", record.retained_until),
        *_counts(record),
        *_both("healthdcatap:populationCoverage", record.population),
        ("dct:provenance", Node(("dct:ProvenanceStatement",), tuple(_both("rdfs:label", PROVENANCE)))),
        ("dqv:hasQualityAnnotation", _quality(record)),
        ("dcat:distribution", _distribution(record)),
        ("healthdcatap:analytics", _analytics(record)),
        ("foaf:page", Iri(record.address)),
    ]
    return Node(("dcat:Dataset",), tuple(said), record.address)


def _both(term: str, text: Said) -> Iterator[tuple[str, Value]]:
    for language, words in (("fr", text.fr), ("en", text.en)):
        if words:
            yield term, Literal(words, language)


def _laws() -> Iterator[tuple[str, Value]]:
    return (("dcatap:applicableLegislation", Iri(law)) for law in LAWS)


def _named_agent(term: str, party: Party) -> Iterator[tuple[str, Value]]:
    if party.name:
        yield term, _agent(party)


def _agent(party: Party) -> Node:
    return Node(("foaf:Agent",), (("foaf:name", Literal(party.name)), *_contact(party)))


def _contact(party: Party) -> Iterator[tuple[str, Value]]:
    """How to reach somebody, where that is known."""
    if party.contact:
        term = "vcard:hasEmail" if party.contact.startswith("mailto:") else "vcard:hasURL"
        yield (
            "dcat:contactPoint",
            Node(("vcard:Kind",), (("vcard:fn", Literal(party.name)), (term, Iri(party.contact)))),
        )


def _category(category: HealthCategory) -> str:
    return category.name


def _country(code: str) -> Iterator[tuple[str, Value]]:
    if code:
        yield "dct:spatial", Iri(f"{EU}/country/{code}")


def _law_of(record: Record) -> Iterator[tuple[str, Value]]:
    """What the data may be used for, on which legal basis, and which kinds of personal data they are."""
    for purpose in record.purposes:
        yield "dpv:hasPurpose", _purpose(purpose)
    if record.legal_basis is not None:
        yield "dpv:hasLegalBasis", Iri(f"https://w3id.org/dpv/legal/eu/gdpr#{BASES[record.legal_basis]}")
    held = {table.name for table in record.tables}
    kinds = sorted({kind for table, found in PERSONAL_DATA.items() if table in held for kind in found})
    for kind in kinds:
        yield "dpv:hasPersonalData", Iri(f"https://w3id.org/dpv/pd#{kind}")
    for number in sorted({number for table, number in CODING.items() if table in held}):
        yield "healthdcatap:hasCodingSystem", Iri(WIKIDATA + number)


def _purpose(purpose: StudyPurpose) -> Node:
    return Node(("dpv:Purpose",), tuple(_both("dct:description", PURPOSES[purpose])))


def _period(term: str, first: str, last: str) -> Iterator[tuple[str, Value]]:
    days = (("dcat:startDate", first), ("dcat:endDate", last))
    said = tuple((name, Literal(day, datatype="xsd:date")) for name, day in days if day)
    if said:
        yield term, Node(("dct:PeriodOfTime",), said)


def _counts(record: Record) -> Iterator[tuple[str, Value]]:
    numbers = {
        "numberOfRecords": record.records,
        "numberOfUniqueIndividuals": record.individuals,
        "minTypicalAge": record.min_age,
        "maxTypicalAge": record.max_age,
    }
    for name, number in numbers.items():
        if number is not None:
            yield f"healthdcatap:{name}", Literal(str(number), datatype="xsd:nonNegativeInteger")


def _quality(record: Record) -> Node:
    text = QUALITY.gate if record.quality is None else QUALITY.counted(record.quality)
    body = Node(("oa:TextualBody",), tuple(_both("dct:description", text)))
    said: Pairs = [("oa:hasTarget", Iri(record.address)), ("oa:hasBody", body)]
    return Node(("dqv:QualityAnnotation",), tuple(said))


def _distribution(record: Record) -> Node:
    """How the data are read: in this platform, by whom a permit lets."""
    said: Pairs = [
        *_both("dct:title", STRUCTURE.data),
        *_laws(),
        ("dcat:accessURL", Iri(record.address)),
        ("dct:conformsTo", Iri(CDM)),
        ("dct:format", Iri(f"{EU}/file-type/PARQUET")),
    ]
    return Node(("dcat:Distribution",), tuple(said))


def _analytics(record: Record) -> Node:
    """Tables and how many rows each has, on the dataset's page."""
    said: Pairs = [*_both("dct:title", STRUCTURE.counts), *_laws(), ("dcat:accessURL", Iri(record.address + "#tables"))]
    return Node(("dcat:Distribution",), tuple(said))
