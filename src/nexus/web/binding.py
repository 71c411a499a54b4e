"""Where the fields of a request travel: in the path, in the query (GET, DELETE) or in the JSON body (the rest)."""

import re
from collections.abc import Iterable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec

from nexus.kernel.errors import Invalid
from nexus.kernel.operation import OperationSpec
from nexus.web import codec

BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})
MAX_JSON_DEPTH: Final = 32
"""Nested arrays and objects in a body."""

_PATH_FIELD = re.compile(r"\{([a-z_]+)\}")
_JSON_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]')


def path_fields(spec: OperationSpec) -> tuple[str, ...]:
    """Names of the request's fields that stand in the path, in order."""
    return tuple(_PATH_FIELD.findall(spec.path))


def other_fields(spec: OperationSpec) -> tuple[msgspec.structs.FieldInfo, ...]:
    """The request's fields that travel in the query or in the body."""
    in_path = path_fields(spec)
    return tuple(field for field in msgspec.structs.fields(spec.request) if field.encode_name not in in_path)


def has_body(spec: OperationSpec) -> bool:
    """Whether the request travels as JSON body."""
    return spec.method in BODY_METHODS


def plain(type_: Any) -> Any:
    """A type without `Annotated` and without `| None`."""
    if get_origin(type_) is Annotated:
        return plain(get_args(type_)[0])
    if get_origin(type_) in (Union, UnionType):
        return plain(next(member for member in get_args(type_) if member is not NoneType))
    return type_


def is_list(type_: Any) -> bool:
    """Whether a field takes several values (repeated in queries and on the command line)."""
    return get_origin(type_) in (list, tuple, set, frozenset) or any(
        get_origin(member) in (list, tuple, set, frozenset)
        for member in get_args(type_)
        if get_origin(type_) is not dict
    )


def request_of(spec: OperationSpec, path: Mapping[str, str], query: Iterable[tuple[str, str]], body: bytes) -> Any:
    """The typed request. Raises Invalid, naming the place, on anything missing, unknown, twice or of another type."""
    if not has_body(spec):
        if body:
            raise Invalid(f"{spec.method} takes no body", code="web.unexpected-body")
        return codec.from_builtins({**_query_document(spec, query), **path}, spec.request, strict=False)
    if list(query):
        raise Invalid(f"{spec.method} takes no query", code="web.unexpected-query")
    document = _body_document(body)
    if twice := sorted(set(document) & set(path)):
        raise Invalid(f"`{twice[0]}` stands in the path, not in the body", code="web.invalid-request")
    return codec.from_builtins({**document, **_typed_path(spec, path)}, spec.request)


def _body_document(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    if too_deep(body):
        raise Invalid(f"JSON nested deeper than {MAX_JSON_DEPTH} levels", code="web.json-too-deep")
    document = codec.parse(body)
    if not isinstance(document, dict):
        raise Invalid("Expected `object` - at `$`", code="web.invalid-request")
    return document


def too_deep(body: bytes) -> bool:
    """Whether a JSON text nests deeper than allowed, found without building it."""
    if body.count(b"[") + body.count(b"{") <= MAX_JSON_DEPTH:
        return False
    depth = 0
    for token in _JSON_STRUCTURE.finditer(body):
        mark = token.group()
        depth += (mark in b"[{") - (mark in b"]}")
        if depth > MAX_JSON_DEPTH:
            return True
    return False


def _query_document(spec: OperationSpec, query: Iterable[tuple[str, str]]) -> dict[str, Any]:
    lists = {field.encode_name for field in other_fields(spec) if is_list(field.type)}
    in_path = path_fields(spec)
    document: dict[str, Any] = {}
    for name, value in query:
        if name in in_path:
            raise Invalid(f"`{name}` stands in the path, not in the query", code="web.invalid-request")
        if name in lists:
            document.setdefault(name, []).append(value)
        elif name in document:
            raise Invalid(f"`{name}` is given twice", code="web.invalid-request")
        else:
            document[name] = value
    return document


def _typed_path(spec: OperationSpec, path: Mapping[str, str]) -> dict[str, Any]:
    types = {field.encode_name: field.type for field in msgspec.structs.fields(spec.request)}
    return {name: _typed(name, text, types[name]) for name, text in path.items()}


def _typed(name: str, text: str, type_: Any) -> Any:
    try:
        return codec.to_builtins(codec.from_builtins(text, type_, strict=False), type_)
    except Invalid as error:
        raise Invalid(f"{error.message} - at `$.{name}`", code=error.code, hint=error.hint) from error
