"""What is enforced is the same after any way through FHIR: R4 and R5 are written out of one list of provisions and into it."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.consent.checking import check_provisions
from nexus.consent.fhir import r4, r5
from nexus.consent.fhir.releases import Release, check_structure
from nexus.consent.fhir.terms import NO_TERMS
from nexus.consent.model import ALWAYS, COVERED, DataCategory, Effect, Period, Provision, Sensitivity
from nexus.iam.model import Purpose
from nexus.kernel.clock import DAY, Instant
from nexus.kernel.ids import new_id
from simulators.directives import labels, purposes, read
from simulators.directives import r4 as consent_r4
from simulators.directives import r5 as consent_r5

DOCTORS = [new_id("per", unix_ms=number) for number in range(3)]


def some(values: Any, most: int = 3) -> st.SearchStrategy[tuple]:
    return st.lists(st.sampled_from(list(values)), max_size=most, unique=True).map(tuple)


moments = st.integers(0, 40_000 * DAY)
periods = st.one_of(
    st.just(ALWAYS),
    st.builds(
        lambda start, length: Period(start=Instant(start), end=Instant(start + length)),
        moments,
        st.integers(1, 999 * DAY),
    ),
    moments.map(lambda start: Period(start=Instant(start))),
)


@st.composite
def provisions(draw: st.DrawFn) -> Provision:
    """Any provision that a decision may hold, whoever wrote it and through whichever door."""
    emergency = draw(st.booleans())
    asked = (Purpose.CARE,) if emergency else draw(some(sorted(COVERED)).filter(bool))
    made = Provision(
        effect=draw(st.sampled_from(Effect)),
        purposes=asked,
        emergency=emergency,
        projects=draw(some(["cohort-2026", "registry"])),
        sites=draw(some(["chu-lyon", "inserm"])),
        persons=draw(some(DOCTORS)),
        categories=draw(some(DataCategory)),
        sources=draw(some(["pacs", "laboratory"])),
        sensitivities=draw(some(Sensitivity)),
        references=draw(some(["instance:Observation/a", "authored-by:Practitioner/b", "related:Encounter/c"])),
        collected=draw(periods),
        valid=draw(periods),
    )
    check_provisions((made,))
    return made


@settings(max_examples=150, deadline=None)
@given(st.lists(provisions(), min_size=1, max_size=4, unique=True).map(tuple))
def test_what_is_enforced_survives_r4_and_r5_in_any_order(said):
    """Both ways are checked by fhir.resources, as a stranger's reader would."""
    by_r4 = through_r4(said)
    assert by_r4 == said
    assert through_r4(through_r5(by_r4)) == through_r5(through_r4(said)) == said


def through_r4(said: tuple[Provision, ...]) -> tuple[Provision, ...]:
    document = consent_r4(**r4.rules(said))
    check_structure(Release.R4, "Consent", document)
    return r4.read(json.loads(json.dumps(document)), NO_TERMS).provisions


def through_r5(said: tuple[Provision, ...]) -> tuple[Provision, ...]:
    document = {**consent_r5(None), **r5.rules(said)}
    check_structure(Release.R5, "Consent", document)
    return r5.read(json.loads(json.dumps(document)), NO_TERMS).provisions


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["permit", "deny"]),
    some(["TREAT", "HRESCH", "PUBHLTH", "TRAIN", "HQUALIMP"]),
    some(["N", "R", "PSY", "HIV"], most=2),
    st.sampled_from(["care", "research", "education", "public-health"]),
    st.sampled_from(["N", "R", ""]),
    some(["mental-health", "hiv", "imaging"], most=2),
)
def test_a_reader_of_either_release_is_ruled_alike(effect, named, labelled, purpose, label, categories):
    """The same rule, as a person would write it in R4, gives the same reads once it has been written in R5."""
    rule: dict[str, Any] = {"type": effect}
    if named:
        rule["purpose"] = purposes(*named)
    if labelled:
        rule["securityLabel"] = labels(*labelled)
    said = r4.read(consent_r4(rule), NO_TERMS).provisions
    asked = {"purpose": purpose, "label": label, "categories": categories}
    assert read(said, **asked) == read(through_r5(said), **asked)
