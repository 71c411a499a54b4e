"""The OpenAPI document says what the door does: valid, complete, with examples that the door would accept."""

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from nexus.app.operations import OPERATIONS, PURPOSES, SERVICES
from nexus.iam.model import Intent
from nexus.web import codec
from nexus.web.binding import has_body, path_fields
from nexus.web.examples import example_of
from nexus.web.openapi import openapi
from simulators.door import PURPOSES as TEST_PURPOSES
from simulators.doorkeepers import Intent as SimulatedIntent
from simulators.notebook import OPERATIONS as NOTES


@pytest.fixture(scope="module")
def notes():
    return openapi(NOTES, version="1", purposes=TEST_PURPOSES, intent=SimulatedIntent, services={"note": "Notes."})


@pytest.fixture(scope="module")
def platform():
    return openapi(OPERATIONS, version="1", purposes=PURPOSES, intent=Intent, services=SERVICES)


def test_the_documents_are_valid_openapi(notes, platform):
    for document in (notes, platform):
        errors = [
            f"{'/'.join(map(str, error.path))}: {error.message}"
            for error in OpenAPIV31SpecValidator(document).iter_errors()
        ]
        assert errors == []


def test_times_are_described_as_text_and_words_come_from_the_source(notes):
    body = notes["paths"]["/v1/notes"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["text"]["description"] == "What it says."
    assert body["properties"]["until"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    assert body["required"] == ["text"] and body["additionalProperties"] is False


def test_path_and_query_fields_are_parameters(notes):
    parameters = {p["name"]: p for p in notes["paths"]["/v1/notes"]["get"]["parameters"]}
    assert set(parameters) == {"limit", "since", "tags", "pinned", "Nexus-Purpose"}
    assert notes["paths"]["/v1/notes/{id}"]["get"]["parameters"][0]["in"] == "path"


def test_a_sensitive_operation_answers_an_intent_and_an_open_one_needs_no_token(notes):
    """An open operation may still answer 401 and 403: to a wrong password, at a door that is not the one for it."""
    burn = notes["paths"]["/v1/notes/{id}/burn"]["post"]
    assert burn["x-nexus-sensitive"] and "202" in burn["responses"] and "200" not in burn["responses"]
    lock = notes["paths"]["/v1/lock"]["post"]
    assert lock["security"] == [] and {"401", "403"} <= set(lock["responses"])


@pytest.mark.parametrize("spec", OPERATIONS, ids=lambda spec: spec.name)
def test_each_example_is_a_request_that_the_door_accepts(platform, spec):
    operation = platform["paths"][spec.path][spec.method.lower()]
    document = {p["name"]: p["example"] for p in operation["parameters"] if p.get("required") and "example" in p}
    if has_body(spec) and "requestBody" in operation:
        document |= operation["requestBody"]["content"]["application/json"]["example"]
    assert document.keys() >= set(path_fields(spec))
    assert codec.from_builtins(document, spec.request, strict=False)
    assert document == example_of(spec.request)
