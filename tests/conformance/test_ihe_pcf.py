"""The example consents of IHE's Privacy Consent on FHIR, each with the outcome that its note states (issue 4).

The notes speak of tokens and of what a token leaves to be refused; here that is asked of the rules, read by read. The examples
are not ours and are read from beside the checkout; below them stand a few of our own, so that the suite proves the door without.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from nexus.consent.fhir import r4, r5
from nexus.consent.fhir.directive import ConsentStatus
from nexus.consent.fhir.releases import Release, check_structure
from nexus.consent.fhir.terms import NO_TERMS
from nexus.consent.model import Provision
from simulators.directives import DOCTOR, OTHER_DOCTOR, SUBJECT, TERMS, data, labels, purposes, read, recipient
from simulators.directives import r4 as consent_r4
from simulators.directives import r5 as consent_r5

Asked = dict[str, Any]
YES, NO = True, False
CARE: Asked = {"purpose": "care"}
RESEARCH: Asked = {"purpose": "research", "project": "another"}
EMERGENCY: Asked = {"purpose": "care", "broken_glass": True}
AUTHOR, STRANGER = "authored-by:Practitioner/ex-practitioner", "authored-by:Practitioner/somebody"
HERE, ELSEWHERE = "related:Encounter/ex-encounter", "related:Encounter/another"
DRINK, WEIGHT = "instance:Observation/ex-alcoholUse", "instance:Observation/ex-weight"
IN_2022 = ("2022-03-01T00:00:00Z", "2022-03-02T00:00:00Z")
LAST_MOMENT = ("2022-12-31T23:59:59Z", "2022-12-31T23:59:59Z")
IN_2023 = ("2023-01-01T00:00:00Z", "2023-01-02T00:00:00Z")
ACROSS = ("2021-12-31T00:00:00Z", "2022-01-02T00:00:00Z")
PSY, SDV = ("mental-health",), ("violence",)
NORMAL_ONLY: list[tuple[Asked, bool]] = [
    ({**CARE, "label": "N"}, YES),
    ({**CARE, "label": "R"}, NO),
    ({**CARE, "label": "V"}, NO),
    ({**CARE}, NO),
    ({**RESEARCH, "label": "N"}, NO),
]

NOTES: dict[str, list[tuple[Asked, bool]]] = {
    "ex-consent-basic-treat": [
        (CARE, YES),
        ({**CARE, "label": "R"}, YES),
        (RESEARCH, NO),
        ({"purpose": "quality"}, NO),
    ],
    "ex-consent-basic-ink": [(CARE, YES), ({**CARE, "label": "R"}, YES), (RESEARCH, NO), ({"purpose": "quality"}, NO)],
    "ex-consent-basic-reject": [
        (CARE, NO),
        ({**CARE, "person": DOCTOR}, NO),
        (RESEARCH, NO),
        ({"purpose": "quality"}, NO),
    ],
    "ex-consent-expired-treat": [
        ({**CARE, "at": "2022-06-14T00:00:00Z"}, YES),
        ({**CARE, "at": "2022-12-31T23:59:59Z"}, YES),
        ({**CARE, "at": "2023-01-01T00:00:00Z"}, NO),
        (CARE, NO),
    ],
    "ex-consent-intermediate-authoredby": [
        ({**CARE, "references": [AUTHOR]}, YES),
        ({**CARE, "references": [STRANGER]}, NO),
        (CARE, NO),
        ({**RESEARCH, "references": [AUTHOR]}, NO),
    ],
    "ex-consent-intermediate-not-authoredby": [
        ({**CARE, "references": [STRANGER]}, YES),
        ({**CARE, "references": [AUTHOR]}, NO),
        ({**CARE, "references": [AUTHOR, STRANGER]}, NO),
    ],
    "ex-consent-intermediate-data": [
        ({**CARE, "references": [WEIGHT]}, YES),
        ({**CARE, "references": [DRINK]}, YES),
        ({**CARE, "references": ["instance:Observation/another"]}, NO),
        (CARE, NO),
    ],
    "ex-consent-intermediate-not-data": [
        ({**CARE, "references": [WEIGHT]}, YES),
        ({**CARE, "references": [DRINK]}, NO),
    ],
    "ex-consent-intermediate-encounter": [
        ({**CARE, "references": [HERE]}, YES),
        ({**CARE, "references": [ELSEWHERE]}, NO),
        (CARE, NO),
    ],
    "ex-consent-intermediate-not-encounter": [
        ({**CARE, "references": [ELSEWHERE]}, YES),
        ({**CARE, "references": [HERE]}, NO),
    ],
    "ex-consent-intermediate-timeframe": [
        ({**CARE, "collected": IN_2022}, YES),
        ({**CARE, "collected": LAST_MOMENT}, YES),
        ({**CARE, "collected": IN_2023}, NO),
        ({**CARE, "collected": ACROSS}, NO),
        (CARE, NO),
    ],
    "ex-consent-intermediate-not-timeframe": [
        ({**CARE, "collected": IN_2023}, YES),
        ({**CARE, "collected": IN_2022}, NO),
        ({**CARE, "collected": LAST_MOMENT}, NO),
        ({**CARE, "collected": ACROSS}, NO),
    ],
    "ex-consent-intermediate-purpose": [
        ({"purpose": "research", "project": "foobar", "site": "ex-org-researcher"}, YES),
        ({"purpose": "research", "project": "foobar", "site": "chu"}, NO),
        ({"purpose": "research", "project": "another", "site": "ex-org-researcher"}, NO),
        ({"purpose": "statistics", "project": "foobar", "site": "ex-org-researcher"}, NO),
    ],
    "ex-dissent-intermediate-break-glass": [
        (CARE, NO),
        (RESEARCH, NO),
        ({"purpose": "statistics"}, NO),
        (EMERGENCY, YES),
    ],
    "ex-consent-advanced-normal": NORMAL_ONLY,
    "ex-consent-advanced-normal-not-restricted": NORMAL_ONLY,
    "ex-consent-advanced-normal-restricted": [
        ({**CARE, "label": "N"}, YES),
        ({**CARE, "label": "R"}, YES),
        ({**CARE, "label": "V"}, NO),
        (CARE, NO),
    ],
    "ex-consent-advanced-normal-focused-restricted": [
        *NORMAL_ONLY,
        ({**CARE, "label": "N", "person": DOCTOR}, YES),
        ({**CARE, "label": "R", "person": DOCTOR}, YES),
    ],
    "ex-consent-advanced-normal-focused-psy": [
        *NORMAL_ONLY,
        ({**CARE, "label": "R", "categories": PSY, "person": OTHER_DOCTOR}, NO),
        ({**CARE, "label": "R", "categories": PSY, "person": DOCTOR}, YES),
        ({**RESEARCH, "label": "R", "categories": PSY, "person": DOCTOR}, NO),
        ({**CARE, "label": "N", "person": DOCTOR}, YES),
        ({**CARE, "label": "R", "categories": SDV, "person": DOCTOR}, NO),
    ],
    "ex-consent-advanced-normal-focused-psy-or-sdv": [
        *NORMAL_ONLY,
        ({**CARE, "label": "R", "categories": SDV, "person": OTHER_DOCTOR}, NO),
        ({**CARE, "label": "R", "categories": SDV, "person": DOCTOR}, YES),
        ({**CARE, "label": "R", "categories": PSY, "person": DOCTOR}, YES),
        ({**CARE, "label": "R", "categories": ("hiv",), "person": DOCTOR}, NO),
    ],
    "ex-consent-advanced-normal-break-glass-restricted": [
        *NORMAL_ONLY,
        ({**EMERGENCY, "label": "N"}, YES),
        ({**EMERGENCY, "label": "R"}, YES),
        ({**EMERGENCY, "label": "V"}, NO),
    ],
}
"""Each note, as reads that it allows or refuses."""


@pytest.fixture(scope="module")
def examples(shared_data: Path) -> Path:
    folder = shared_data / "vectors" / "ihe-pcf"
    if not folder.is_dir():
        pytest.skip("the examples of IHE PCF are not among the sample data (vectors/ihe-pcf)")
    return folder


def test_every_note_has_its_outcome_here(examples):
    named = {path.name.removeprefix("Consent-").removesuffix("-notes.md") for path in (examples / "notes").iterdir()}
    assert named == set(NOTES) and len(named) == 21


@pytest.mark.parametrize("name", NOTES)
def test_an_example_gives_the_outcome_that_its_note_states(examples, name):
    """In R4 as it is published, and in R5 as we say the same.

    The signed document is the one thing that is put in another's place: the examples' is at no site of ours.
    """
    document = json.loads((examples / "consents" / f"{name}.json").read_text())
    assert document.pop("sourceReference")["reference"].startswith("DocumentReference/")
    document["sourceAttachment"] = {"url": "urn:nexus:scan:papers:ver_1:" + "0" * 64 + ":consent.pdf"}
    check(r4.read(document, TERMS).provisions, NOTES[name])


def check(provisions: tuple[Provision, ...], reads: list[tuple[Asked, bool]]) -> None:
    for said in (provisions, again(Release.R4, provisions), again(Release.R5, provisions)):
        for asked, allowed in reads:
            assert read(said, **asked) is allowed, (asked, said)


def again(release: Release, provisions: tuple[Provision, ...]) -> tuple[Provision, ...]:
    """The provisions, written in a release, checked by fhir.resources, and read again."""
    if release is Release.R4:
        document = consent_r4(**r4.rules(provisions))
        check_structure(release, "Consent", document)
        return r4.read(json.loads(json.dumps(document)), NO_TERMS).provisions
    document = {**consent_r5(None), **r5.rules(provisions)}
    check_structure(release, "Consent", document)
    return r5.read(json.loads(json.dumps(document)), NO_TERMS).provisions


OUR_OWN: dict[str, tuple[dict[str, Any], list[tuple[Asked, bool]]]] = {
    "R4: care by everybody": (
        consent_r4({"type": "permit", "purpose": purposes("TREAT", "HPAYMT", "HOPERAT")}),
        [(CARE, YES), (RESEARCH, NO)],
    ),
    "R4: no care, no quality": (
        consent_r4({"type": "deny", "purpose": purposes("TREAT", "HOPERAT")}),
        [(CARE, NO), ({"purpose": "quality"}, NO), (EMERGENCY, YES)],
    ),
    "R4: nothing at all, not even in an emergency": (
        consent_r4({"type": "deny"}),
        [(CARE, NO), (RESEARCH, NO), (EMERGENCY, NO)],
    ),
    "R4: one project at one site, laboratory data of a year": (
        consent_r4(
            {
                "type": "permit",
                "purpose": purposes("urn:nexus:project|cohort-2026"),
                "actor": [recipient("Organization/chu-lyon")],
                "class": [{"system": "urn:nexus:data-category", "code": "laboratory"}],
                "dataPeriod": {"start": "2022", "end": "2022"},
            }
        ),
        [
            (
                lab := {
                    "purpose": "research",
                    "project": "cohort-2026",
                    "site": "chu-lyon",
                    "categories": ["laboratory"],
                },
                NO,
            ),
            ({**lab, "collected": IN_2022}, YES),
            ({**lab, "collected": IN_2023}, NO),
            ({**lab, "collected": IN_2022, "site": "chu"}, NO),
            ({**lab, "collected": IN_2022, "project": "another"}, NO),
            ({**lab, "collected": IN_2022, "categories": ["laboratory", "imaging"]}, NO),
        ],
    ),
    "R4: all but psychiatry, which one doctor reads": (
        consent_r4(
            {
                "type": "permit",
                "purpose": purposes("TREAT"),
                "securityLabel": labels("N"),
                "provision": [
                    {
                        "type": "permit",
                        "securityLabel": labels("PSY"),
                        "actor": [recipient(f"Practitioner/{DOCTOR.replace('_', '-')}")],
                    },
                    {"type": "deny", "data": [data("authoredby", "Practitioner/ex-practitioner")]},
                ],
            }
        ),
        [
            ({**CARE, "label": "N", "references": [STRANGER]}, YES),
            ({**CARE, "label": "N", "references": [AUTHOR]}, NO),
            ({**CARE, "label": "R", "categories": PSY, "references": [STRANGER]}, NO),
            ({**CARE, "label": "R", "categories": PSY, "references": [STRANGER], "person": DOCTOR}, YES),
        ],
    ),
    "R4: two rules side by side": (
        consent_r4(
            {
                "provision": [
                    {"type": "permit", "purpose": purposes("HRESCH")},
                    {"type": "deny", "purpose": purposes("PUBHLTH")},
                ]
            }
        ),
        [(CARE, YES), (RESEARCH, YES), ({"purpose": "public-health"}, NO), ({"purpose": "statistics"}, NO)],
    ),
    "R5: no, but for research": (
        consent_r5("deny", {"purpose": purposes("HRESCH")}),
        [(RESEARCH, YES), (CARE, NO), ({"purpose": "statistics"}, NO), (EMERGENCY, YES)],
    ),
    "R5: only emergencies": (
        consent_r5("deny", {"purpose": purposes("BTG"), "actor": [recipient("Group/break-glass")]}),
        [(CARE, NO), (RESEARCH, NO), (EMERGENCY, YES)],
    ),
    "R5: yes, but not for education": (
        consent_r5("permit", {"purpose": purposes("TRAIN")}),
        [(CARE, YES), (RESEARCH, YES), ({"purpose": "education"}, NO)],
    ),
    "R5: research, but not in psychiatry": (
        consent_r5("deny", {"purpose": purposes("HRESCH"), "provision": [{"securityLabel": labels("PSY")}]}),
        [
            ({**RESEARCH, "categories": PSY}, NO),
            ({**RESEARCH, "categories": ["imaging"]}, YES),
            ({**RESEARCH}, NO),
            (CARE, NO),
        ],
    ),
    "R5: until a day": (
        consent_r5("permit", period={"end": "2026-11-27"}),
        [({**CARE, "at": "2026-11-27T23:59:59Z"}, YES), ({**CARE, "at": "2026-11-28T00:00:00Z"}, NO)],
    ),
}
"""Our own examples: (a Consent, reads with their outcomes)."""


@pytest.mark.parametrize("name", OUR_OWN)
def test_an_example_of_ours_gives_its_outcome_in_both_releases(name):
    document, reads = OUR_OWN[name]
    reader = r4 if name.startswith("R4") else r5
    directive = reader.read(document, NO_TERMS)
    assert directive.patient.subject == SUBJECT and directive.status is ConsentStatus.ACTIVE
    check(directive.provisions, reads)
