"""The OpenAPI 3.1 document of the REST door, made from the same specs as its routes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec

from nexus.kernel.errors import Damaged, NexusError, Sealed, StepUpNeeded, Throttled
from nexus.kernel.operation import OperationSpec
from nexus.web import codec
from nexus.web.binding import has_body, path_fields
from nexus.web.dispatch import DEFAULT_PURPOSE, EXECUTE, EXECUTED_HEADER
from nexus.web.examples import example_of, value
from nexus.web.fielddocs import class_doc
from nexus.web.problem import KINDS, MEDIA_TYPE, ProblemDetails, problem_of
from nexus.web.schemas import Json, Schemas, references

_ABOUT: Final = (
    "Every operation of Nexus but object traffic, which speaks S3. Sign in for a bearer token; name a purpose in"
    " `Nexus-Purpose`; quote `Nexus-Operation` from the answer when you ask about a call. Operations marked"
    " `x-nexus-sensitive` answer 202 with an intent that a second person approves. Those marked"
    " `x-nexus-step-up` want a fresh factor, proved for their exact content: the first answer is a problem"
    " `iam.step-up-needed` with a `digest`, `iam.step-up.prove` turns a factor into a proof, and the same request goes through with the proof in `Nexus-Step-Up`. Errors are `application/problem+json`."
    " `/healthz` and `/readyz` tell whether the door lives and whether it would serve; they hold no data."
)


def openapi(
    specs: Sequence[OperationSpec],
    *,
    version: str,
    purposes: Collection[str],
    intent: type[Any],
    services: Mapping[str, str],
) -> Json:
    """The document. `intent` is what a sensitive operation answers; `services` says each service's purpose in words."""
    schemas = Schemas([*(s.request for s in specs), *(s.result for s in specs if s.result), ProblemDetails, intent])
    paths: dict[str, Json] = {}
    for spec in specs:
        paths.setdefault(spec.path, {})[spec.method.lower()] = _operation(spec, schemas, purposes, intent)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Nexus",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "this platform"}],
        "security": [{"bearer": []}],
        "tags": [{"name": name, "description": text} for name, text in services.items()],
        "paths": paths,
        "components": {
            "schemas": schemas.named,
            "responses": {kind.__name__: _problem_response(kind, title, schemas) for kind, _, title in KINDS},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A session token or a service token."}
            },
        },
    }
    _drop_unused(document)
    plain: Json = msgspec.json.decode(msgspec.json.encode(document))  # tuples become lists, enums their values
    return plain


def command_of(spec: OperationSpec) -> str:
    """The command line's name for an operation."""
    return "nexus " + " ".join(spec.name.split("."))


def _operation(spec: OperationSpec, schemas: Schemas, purposes: Collection[str], intent: type[Any]) -> Json:
    operation: Json = {
        "operationId": spec.name,
        "tags": [spec.service],
        "summary": spec.summary,
        "parameters": [*_parameters(spec, schemas), _purpose_parameter(purposes)],
        "responses": _responses(spec, schemas, intent),
        "x-nexus-command": command_of(spec),
    }
    if spec.action:
        operation["x-nexus-action"] = spec.action
    else:
        operation["security"] = []
    if spec.sensitive:
        operation["x-nexus-sensitive"] = True
    if spec.sensitive or spec.step_up:
        operation["x-nexus-step-up"] = True
        operation["parameters"].append(_STEP_UP)
    if has_body(spec) and (body := _body(spec, schemas)):
        operation["requestBody"] = body
    return operation


def _parameters(spec: OperationSpec, schemas: Schemas) -> Iterable[Json]:
    in_path, schema = path_fields(spec), schemas.of(spec.request)
    types = codec.fields_of(spec.request) or {}
    for name in [*in_path, *(() if has_body(spec) else (n for n in schema["properties"] if n not in in_path))]:
        place: Json = {"in": "path", "required": True} if name in in_path else {"in": "query"}
        if name in schema.get("required", ()):
            place["required"] = True
        property_ = dict(schema["properties"][name])
        description = property_.pop("description", "")
        yield {"name": name, **place, "schema": property_, "example": value(name, types[name])} | (
            {"description": description} if description else {}
        )


def _purpose_parameter(purposes: Collection[str]) -> Json:
    return {
        "name": "Nexus-Purpose",
        "in": "header",
        "description": "What the call is for; it is written in the audit log and weighed by the policy.",
        "schema": {"type": "string", "enum": sorted(purposes), "default": DEFAULT_PURPOSE},
    }


_STEP_UP: Final = {
    "name": "Nexus-Step-Up",
    "in": "header",
    "description": "The proof of a fresh factor, made for exactly this content; without it the answer says the digest.",
    "schema": {"type": "string", "format": "password"},
}


def _body(spec: OperationSpec, schemas: Schemas) -> Json | None:
    schema, in_path = schemas.of(spec.request), path_fields(spec)
    properties = {name: part for name, part in schema["properties"].items() if name not in in_path}
    if not properties:
        return None
    required = [name for name in schema.get("required", ()) if name not in in_path]
    body = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    example = {name: part for name, part in example_of(spec.request).items() if name not in in_path}
    return {"required": bool(required), "content": {"application/json": {"schema": body, "example": example}}}


def _responses(spec: OperationSpec, schemas: Schemas, intent: type[Any]) -> Json:
    headers = {"Nexus-Operation": {"description": "The operation's id in the audit log.", "schema": {"type": "string"}}}
    good: Json
    if spec.name == EXECUTE:
        executed = f"The result of the operation that was carried out; {EXECUTED_HEADER} names it."
        good = {"200": {"description": executed, **_json({})}, "204": {"description": "Done; it has no result."}}
    elif spec.sensitive:
        good = {"202": {"description": "An intent that waits for a second person.", **_json(schemas.reference(intent))}}
    elif spec.result is None:
        good = {"204": {"description": "Done."}}
    else:
        good = {"200": {"description": class_doc(spec.result) or "Done.", **_json(schemas.reference(spec.result))}}
    for answer in good.values():
        answer["headers"] = headers
    bad = {
        str(status): {"$ref": f"#/components/responses/{kind.__name__}"}
        for kind, status, _ in KINDS
        if kind not in (Sealed, Damaged, StepUpNeeded)  # their statuses are described by their siblings
    }
    return {**good, **bad}


def _json(schema: Json) -> Json:
    return {"content": {"application/json": {"schema": schema}}}


def _problem_response(kind: type[NexusError], title: str, schemas: Schemas) -> Json:
    what = "what happened and to what"
    error = Throttled(what, retry_after_s=60) if kind is Throttled else kind(what)
    problem = problem_of(error, "op_01jd3v8f2x7q9k4m6n0p5r1s2t")
    content = {"schema": schemas.reference(ProblemDetails), "example": msgspec.to_builtins(problem)}
    return {"description": f"{HTTPStatus(problem.status).phrase}: {title}.", "content": {MEDIA_TYPE: content}}


def _drop_unused(document: Json) -> None:
    """Requests stand where they are sent, not among the named schemas."""
    components = document["components"]
    while unused := components["schemas"].keys() - references(document):
        for name in unused:
            del components["schemas"][name]
