"""Records of the catalogue: whole, masked, escaped; as Turtle and as JSON-LD that an independent library reads as one graph.

EMC-56: no dataset without the fields of HealthDCAT-AP. The facts of the profile are asked again here with rdflib, on what was written.
"""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import RDF, Graph, URIRef
from rdflib import Literal as Read
from rdflib.compare import isomorphic

from nexus.projects.model import LegalBasis, StudyPurpose
from nexus.warehouse.catalogue import graph, jsonld, profile, record, recording, turtle
from nexus.warehouse.catalogue.describing import Description, HealthCategory
from nexus.warehouse.catalogue.model import Holder
from nexus.warehouse.catalogue.rdf import Iri, expand
from nexus.warehouse.catalogue.record import Party
from simulators.catalogue import ADDRESS, HOLDER, ROWS, SAID, example, opened, warehouse_run

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=80).filter(
    lambda text: bool(text.strip())
)
HEALTH = "http://healthdataportal.eu/ns/health#"
DESCRIPTIONS = st.builds(
    Description,
    title_fr=TEXT,
    title_en=TEXT,
    description_fr=TEXT,
    description_en=TEXT,
    keywords=st.lists(TEXT, min_size=1, max_size=4, unique=True).map(tuple),
    health_categories=st.lists(st.sampled_from(HealthCategory), min_size=1, max_size=4, unique=True).map(tuple),
    health_themes=st.just(("Q12206",)),
    population_fr=TEXT,
    min_age=st.integers(-1, 120),
    max_age=st.integers(-1, 120),
)
TABLES = st.dictionaries(
    st.sampled_from(["person", "condition_occurrence", "drug_exposure", "measurement", "death", "concept"]),
    st.integers(0, 10**7),
    max_size=6,
)


def read(text: str, form: str) -> Graph:
    return Graph().parse(data=text, format=form)


@settings(max_examples=60, deadline=None)
@given(said=DESCRIPTIONS, rows=TABLES)
def test_every_record_has_every_mandatory_property_and_both_writings_are_one_graph(said, rows):
    made = recording.record("a-study", said, recording.of_release(opened(rows), None), HOLDER, "2026-11-28")
    node = graph.dataset(made)
    assert profile.lacking(node) == []
    both = read(turtle.write([node]), "turtle"), read(jsonld.write([node]), "json-ld")
    assert isomorphic(*both)
    for found in both:
        for known, rules in profile.RULES.items():
            for subject in found.subjects(RDF.type, URIRef(expand(known))):
                for rule in rules:
                    values = list(found.objects(subject, URIRef(expand(rule.term))))
                    assert rule.least <= len(values) <= rule.most, (known, rule.term)


@settings(max_examples=200, deadline=None)
@given(rows=TABLES)
def test_no_number_is_exact_or_of_fewer_than_eleven_and_the_sum_gives_nothing_away(rows):
    made = recording.record("a-study", SAID, recording.of_release(opened(rows), None), HOLDER, "2026-11-28")
    shown = {table.name: table.rows for table in made.tables}
    for name, count in shown.items():
        assert (count is None) == (rows[name] < 11)
        assert count is None or (count % 10 == 0 and rows[name] - 10 < count <= rows[name])
    assert made.records == sum(count or 0 for count in shown.values())
    assert made.individuals is None or made.individuals % 10 == 0
    assert "concept" not in shown


@pytest.mark.parametrize(
    ("count", "shown"), [(0, 0), (1, None), (10, None), (11, 10), (19, 10), (20, 20), (1_234, 1_230)]
)
def test_counts_are_hidden_from_one_to_ten_and_rounded_down_to_tens(count, shown):
    assert recording.rounded(count) == shown


def test_nothing_of_how_the_release_is_made_or_who_made_it_is_public():
    """Neither domain, permit, digests of manifests, exact counts nor columns: what would tell of patients, or help to guess."""
    made = record.encode(example()).decode() + turtle.write([graph.dataset(example())])
    for secret in ("DIABETES", "pdc_1", "a" * 64, "0" * 64, "person_id", "1234", "5678", "per_a"):
        assert secret not in made


def test_every_property_of_a_dataset_has_an_origin_that_is_written_down():
    said = msgspec.structs.replace(SAID, population_fr="Adultes", population_en="Adults")
    emitted = {term for term, _ in graph.dataset(example(said=said)).said}
    assert emitted | {"adms:sample"} == profile.ORIGINS.keys()
    assert {rule.term for rule in profile.RULES["dcat:Dataset"]} <= profile.ORIGINS.keys()


def test_typical_ages_are_rounded_outwards():
    made = example()
    assert (made.min_age, made.max_age) == (15, 90)
    assert example(said=msgspec.structs.replace(SAID, min_age=-1)).min_age is None


def test_what_the_platform_knows_is_never_overruled_by_what_is_said():
    said = msgspec.structs.replace(
        SAID, purposes=(StudyPurpose.STATISTICS,), legal_basis=LegalBasis.CONSENT, period_from="1900-01-01"
    )
    made = example(said=said)
    assert made.purposes == (StudyPurpose.RESEARCH,) and made.legal_basis is LegalBasis.PUBLIC_INTEREST
    assert made.period_from == "2018-01-01" and made.retained_until == "2027-06-30"
    whole = recording.record("all", said, recording.of_warehouse(warehouse_run()), HOLDER, "2026-11-28")
    assert whole.purposes == (StudyPurpose.STATISTICS,) and whole.period_from == "1900-01-01"
    assert {table.name: table.rows for table in whole.tables} == {"person": 1_000, "measurement": None}


@pytest.mark.parametrize(
    ("holder", "lack"),
    [
        ({"access_body": ""}, "dcat:Dataset healthdcatap:hdab"),
        ({"contact": ""}, "dcat:Dataset dcat:contactPoint"),
        ({"access_body_contact": ""}, "foaf:Agent dcat:contactPoint"),
        ({"country": ""}, "dcat:Dataset dct:spatial"),
    ],
)
def test_what_the_settings_do_not_say_is_named_as_lacking(holder, lack):
    given_now = Holder(**{name: getattr(HOLDER, name) for name in HOLDER.__slots__} | holder)
    assert lack in profile.lacking(graph.dataset(example(holder=given_now)))


@pytest.mark.parametrize(
    ("said", "lack"),
    [
        ({"title_fr": "", "title_en": " "}, "dct:title"),
        ({"keywords": ()}, "dcat:keyword"),
        ({"health_categories": ()}, "healthdcatap:healthCategory"),
    ],
)
def test_what_the_steward_does_not_say_is_named_as_lacking(said, lack):
    made = example(said=msgspec.structs.replace(SAID, **said))
    assert f"dcat:Dataset {lack}" in profile.lacking(graph.dataset(made))


def test_the_catalogue_itself_is_whole_and_names_each_dataset():
    nodes = graph.catalogue([example("a-study"), example("b-study")], f"{ADDRESS}/catalogue", Party(name="CHU", contact="mailto:a@b.example"))  # fmt: skip
    assert profile.lacking(nodes[0]) == []
    found = read(turtle.write(nodes), "turtle")
    assert isomorphic(found, read(jsonld.write(nodes), "json-ld"))
    named = {str(one) for one in found.objects(URIRef(f"{ADDRESS}/catalogue"), URIRef(expand("dcat:dataset")))}
    assert named == {f"{ADDRESS}/catalogue/a-study", f"{ADDRESS}/catalogue/b-study"}


@pytest.mark.parametrize(
    "nasty", ['"@en ; a <x>', "\\", 'a"""b', "line\nline\r\t", "\x00\x1f\x7f", "<script>", "é\u2028\u202e😀"]
)
def test_texts_come_back_as_they_were_and_break_nothing(nasty):
    node = graph.dataset(example(said=msgspec.structs.replace(SAID, title_en=nasty)))
    for written, form in ((turtle.write([node]), "turtle"), (jsonld.write([node]), "json-ld")):
        titles = set(read(written, form).objects(URIRef(node.name), URIRef(expand("dct:title"))))
        assert Read(nasty, lang="en") in titles and len(titles) == 2


@pytest.mark.parametrize("nasty", ["https://a b", "https://a>x", "javascript:\u00e9", 'https://a"', "https://a\n"])
def test_an_address_with_signs_of_the_syntax_is_none(nasty):
    with pytest.raises(ValueError, match="IRI"):
        Iri(nasty)


def test_numbers_and_days_have_the_datatypes_of_the_profile():
    found = read(turtle.write([graph.dataset(example())]), "turtle")
    subject = URIRef(f"{ADDRESS}/catalogue/diabetes")
    records = found.value(subject, URIRef(HEALTH + "numberOfRecords"))
    assert records == Read(1_230 + 5_670, datatype=URIRef(expand("xsd:nonNegativeInteger")))
    assert found.value(subject, URIRef(expand("dct:accessRights"))) == URIRef(graph.NON_PUBLIC)


def test_a_record_is_kept_and_read_as_it_was():
    assert record.decode(record.encode(example())) == example()
    assert json.loads(record.encode(example()))["version"] == 1
    assert sum(ROWS.values()) != example().records
