"""Bodies from strangers: read one way only, within limits, and refused by the element that would not be enforced (issue 4)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.consent.fhir import r4, r5
from nexus.consent.fhir.dates import period, period_of, span
from nexus.consent.fhir.elements import elements
from nexus.consent.fhir.reading import MAX_ITEMS, MAX_MEMBERS, MAX_NARRATIVE, MAX_TEXT, resource_of
from nexus.consent.fhir.releases import Release
from nexus.consent.fhir.terms import NO_TERMS, load
from nexus.consent.fhir.troubles import Misfit
from nexus.consent.model import Period
from nexus.kernel.clock import DAY, Instant
from nexus.kernel.errors import Invalid
from simulators.directives import DOCTOR, TERMS, coding, data, labels, purposes, recipient
from simulators.directives import r4 as consent_r4
from simulators.directives import r5 as consent_r5

RESEARCH = {"type": "permit", "purpose": purposes("HRESCH")}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no JSON"),
        (b"[]", "no object"),
        (b'"Consent"', "no object"),
        (b"\xff\xfe{}", "no UTF-8"),
        (b'{"status": "active", "status": "inactive"}', "a member twice"),
        (b'{"a": {"type": "permit", "type": "deny"}}', "a member twice, further down"),
        (b'{"a": 1' + b"0" * 30 + b"}", "a number that not every reader keeps"),
        (b'{"a": 1e400}', "infinity"),
        (b'{"a": 1E5}', "an exponent"),
        (b'{"a": NaN}', "no number"),
        (b'{"a": -Infinity}', "no number"),
        (b'{"a": null}', "null"),
        (b'{"a": [null]}', "null in an array"),
        (b'{"a": ""}', "an empty text"),
        (b'{"a": []}', "an empty array"),
        (b'{"a": {}}', "an empty object"),
        (b'{"a": "\\ud800"}', "half a character"),
        (b'{"a": "\\u0000"}', "a null character"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "too deep"),
        (b"[" * 100_000, "far too deep"),
        (json.dumps({"a": ["x"] * (MAX_ITEMS + 1)}).encode(), "an array too long"),
        (json.dumps({f"a{i}": "x" for i in range(MAX_MEMBERS + 1)}).encode(), "an object too wide"),
        (json.dumps({"a": "x" * (MAX_TEXT + 1)}).encode(), "a text too long"),
        (json.dumps({"div": "x" * (MAX_NARRATIVE + 1)}).encode(), "a narrative too long"),
    ],
)
def test_what_could_be_read_in_two_ways_or_is_too_much_is_refused(body, why):
    with pytest.raises(Misfit) as refused:
        resource_of(body)
    assert refused.value.status == 400, why


def test_what_is_within_the_limits_is_read():
    found = {"a": ["x"] * MAX_ITEMS, "b": {"c": -1.5, "d": 10**17, "e": True}, "div": "x" * MAX_NARRATIVE}
    assert resource_of(json.dumps(found).encode()) == found


REFUSED_R4 = {
    "Consent.contained": {"contained": [{"resourceType": "Patient", "id": "p"}]},
    "Consent.extension": {"extension": [{"url": "urn:x", "valueString": "y"}]},
    "Consent.modifierExtension": {"modifierExtension": [{"url": "urn:x", "valueString": "y"}]},
    "Consent.implicitRules": {"implicitRules": "http://rules.example"},
    "Consent.language": {"language": "fr"},
    "Consent.identifier": {"identifier": [{"system": "urn:x", "value": "y"}]},
    "Consent._status": {"_status": {"extension": [{"url": "urn:x", "valueString": "y"}]}},
    "Consent.policyRule": {"policyRule": {"coding": [coding("urn:x|OPTIN")]}},
    "Consent.verification": {"verification": [{"verified": True}]},
    "Consent.sourceReference": {"sourceReference": {"reference": "DocumentReference/x"}},
    "Consent.meta.tag": {"meta": {"tag": [coding("urn:x|y")]}},
    "Consent.meta.security[0]": {"meta": {"security": labels("R")}},
    "Consent.text.status": {"text": {"status": "additional", "div": "<div>but not on Sundays</div>"}},
    "Consent.status": {"status": "entered-in-error"},
    "Consent.scope": {"scope": {"coding": [coding("http://terminology.hl7.org/CodeSystem/consentscope|adr")]}},
    "Consent.category[0]": {"category": [{"coding": [coding("urn:x|dnr")]}]},
    "Consent.patient": {"patient": {"identifier": {"system": "urn:x", "value": "y"}}},
    "Consent.performer[1]": {"performer": [{"reference": "Patient/a"}, {"reference": "Patient/b"}]},
    "Consent.organization[0]": {"organization": [{"reference": "Practitioner/x"}]},
    "Consent.policy[0].authority": {"policy": [{"authority": "http://a.example", "uri": "urn:x"}]},
    "Consent.sourceAttachment.url": {"sourceAttachment": {"url": "http://elsewhere.example/scan.pdf"}},
    "Consent.sourceAttachment.data": {"sourceAttachment": {"data": "QUJD"}},
    "Consent.provision.type": {"provision": {"purpose": purposes("TREAT")}},
    "Consent.provision.action": {"provision": {**RESEARCH, "action": [{"coding": [coding("urn:x|use")]}]}},
    "Consent.provision.code": {"provision": {**RESEARCH, "code": [{"coding": [coding("urn:x|y")]}]}},
    "Consent.provision.extension": {"provision": {**RESEARCH, "extension": [{"url": "urn:x", "valueString": "y"}]}},
    "Consent.provision.modifierExtension[0]": {
        "provision": {**RESEARCH, "modifierExtension": [{"url": "urn:x", "valueString": "y"}]}
    },
    "Consent.provision.purpose[1]": {"provision": {**RESEARCH, "purpose": purposes("HRESCH", "HMARKT")}},
    "Consent.provision.purpose[0]": {"provision": {"type": "deny", "purpose": purposes("HPAYMT")}},
    "Consent.provision.actor[0].role": {
        "provision": {
            **RESEARCH,
            "actor": [{**recipient("Organization/x"), "role": {"coding": [coding("urn:x|AUT")]}}],
        }
    },
    "Consent.provision.actor[0].reference": {"provision": {**RESEARCH, "actor": [recipient("Practitioner/nobody")]}},
    "Consent.provision.securityLabel[0]": {"provision": {**RESEARCH, "securityLabel": labels("ETHUD")}},
    "Consent.provision.class[0]": {"provision": {**RESEARCH, "class": [coding("urn:x|Observation")]}},
    "Consent.provision.data[0].meaning": {"provision": {**RESEARCH, "data": [data("dependents", "Observation/x")]}},
    "Consent.provision.data[0].reference": {
        "provision": {**RESEARCH, "data": [data("instance", "https://elsewhere.example/Observation/x")]}
    },
    "Consent.provision.dataPeriod": {"provision": {**RESEARCH, "dataPeriod": {"start": "2022", "end": "2021"}}},
    "Consent.provision.period.start": {"provision": {**RESEARCH, "period": {"start": "1950-01-01"}}},
    "Consent.provision.provision[0].type": {"provision": {**RESEARCH, "provision": [{"purpose": purposes("TREAT")}]}},
    "Consent.provision.provision[0].provision": {
        "provision": {**RESEARCH, "provision": [{"type": "deny", "provision": [{"type": "permit"}]}]}
    },
    "Consent.provision.provision[0]": {
        "provision": {"type": "deny", "provision": [{"type": "permit", "purpose": purposes("TREAT")}]}
    },
    "Consent.provision": {
        "provision": {
            **RESEARCH,
            "class": [coding("urn:nexus:data-category|imaging")],
            "securityLabel": labels("PSY"),
        }
    },
}
"""Element -> what is said there and would not be enforced."""


@pytest.mark.parametrize("element", REFUSED_R4)
def test_what_would_not_be_enforced_in_r4_is_refused_by_its_name(element):
    with pytest.raises(Misfit) as refused:
        r4.read(consent_r4(**REFUSED_R4[element]), NO_TERMS)
    assert [issue.expression for issue in refused.value.issues] == [element]
    assert refused.value.status in (400, 422)


REFUSED_R5 = {
    "Consent.grantee": {"grantee": [{"reference": "Organization/x"}]},
    "Consent.manager": {"manager": [{"reference": "Organization/x"}]},
    "Consent.regulatoryBasis": {"regulatoryBasis": [{"coding": [coding("urn:x|y")]}]},
    "Consent.policyText": {"policyText": [{"reference": "DocumentReference/x"}]},
    "Consent.extension[0]": {"extension": [{"url": "urn:nexus:fhir:provisions-only", "valueBoolean": False}]},
    "Consent.provision[0].expression": {
        "provision": [{"purpose": purposes("HRESCH"), "expression": {"language": "text/cql", "expression": "x"}}]
    },
    "Consent.provision[0].resourceType": {
        "provision": [{"purpose": purposes("HRESCH"), "resourceType": [coding("urn:x|Observation")]}]
    },
    "Consent.provision[0].modifierExtension": {
        "provision": [
            {
                "purpose": purposes("HRESCH"),
                "modifierExtension": [
                    {
                        "url": "http://hl7.org/fhir/4.0/StructureDefinition/extension-Consent.provision.type",
                        "valueCode": "deny",
                    }
                ],
            }
        ]
    },
    "Consent.decision": {"decision": None, "provision": [{"purpose": purposes("HRESCH")}]},
    "Consent.provision": {"decision": None},
    "Consent.provision[0].provision[0]": {
        "decision": "permit",
        "provision": [{"purpose": purposes("HRESCH"), "provision": [{"purpose": purposes("TREAT")}]}],
    },
}


@pytest.mark.parametrize("element", REFUSED_R5)
def test_what_would_not_be_enforced_in_r5_is_refused_by_its_name(element):
    document = {**consent_r5("deny"), **REFUSED_R5[element]}
    with pytest.raises(Misfit) as refused:
        r5.read({name: value for name, value in document.items() if value is not None}, NO_TERMS)
    assert [issue.expression for issue in refused.value.issues] == [element]


def test_a_wrong_structure_is_named_without_quoting_what_was_sent():
    with pytest.raises(Misfit) as refused:
        r4.read({**consent_r4(), "dateTime": "Jean Dupont", "provision": {"type": 3}}, NO_TERMS)
    assert {issue.expression for issue in refused.value.issues} == {"Consent.dateTime", "Consent.provision.type"}
    assert "Dupont" not in str(refused.value.issues)


def test_an_element_of_the_other_release_is_refused():
    with pytest.raises(Misfit):
        r4.read({**consent_r4(), "decision": "permit"}, NO_TERMS)
    with pytest.raises(Misfit):
        r5.read({**consent_r5("deny"), "patient": {"reference": "Patient/x"}}, NO_TERMS)


def test_the_tables_name_each_element_once_and_only_what_fhir_has():
    for release in Release:
        paths = [element.path for element in elements(release)]
        assert len(paths) == len(set(paths))
        assert all(path.rpartition(".")[0] in ("", *paths) for path in paths), "a parent stands before its children"


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2022", "2022-01-01", "2023-01-01"),
        ("2024", "2024-01-01", "2025-01-01"),
        ("2022-02", "2022-02-01", "2022-03-01"),
        ("2024-02", "2024-02-01", "2024-03-01"),
        ("2022-12-31", "2022-12-31", "2023-01-01"),
        ("2022-12-31T23:59:59+01:00", "2022-12-31T22:59:59Z", "2022-12-31T23:00:00Z"),
    ],
)
def test_a_date_is_a_span_as_long_as_it_is_coarse(text, first, after):
    assert span(text, "x") == (span(first, "x")[0], span(after, "x")[0])


@pytest.mark.parametrize(
    "text", ["2022-13", "2022-02-30", "22", "2022-1-1", "2022-01-01T10:00", "0000", "９９９９", "2022-01-01T25:00:00Z"]
)
def test_what_is_no_date_is_refused(text):
    with pytest.raises(Misfit):
        span(text, "x")


moments = st.one_of(st.integers(0, 200_000 * DAY), st.integers(0, 200_000).map(lambda day: day * DAY)).map(Instant)


@given(
    st.one_of(st.none(), moments),
    st.one_of(st.none(), st.integers(1, 50_000 * DAY), st.integers(1, 50_000).map(lambda day: day * DAY)),
)
def test_a_period_is_the_same_after_fhir(start, length):
    end = None if length is None else Instant((start or 0) + length)
    given_period = Period(start=start, end=end)
    written = period_of(given_period)
    assert (Period() if written is None else period(written, "x")) == given_period


def test_terms_come_from_a_file_and_a_wrong_one_stops_the_start(tmp_path):
    path = tmp_path / "terms.json"
    path.write_text(
        json.dumps(
            {
                "purposes": [
                    {"system": "http://example.org/policies/purposeOfUse", "code": "FooBar", "project": "foobar"},
                ],
                "actors": [
                    {"reference": "Practitioner/ex-practitioner", "person": DOCTOR},
                    {"reference": "Group/ex-privilegedUsers", "break_glass": True},
                ],
            }
        )
    )
    assert load(path) == TERMS and load(None) == NO_TERMS
    for wrong in ("", "{", '{"purposes": [{"system": "s", "code": "c", "purpose": "security"}]}', '{"more": 1}'):
        path.write_text(wrong)
        with pytest.raises(Invalid):
            load(path)
    with pytest.raises(Invalid):
        load(tmp_path / "missing.json")
