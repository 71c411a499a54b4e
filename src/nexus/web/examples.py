"""Example values for requests: made from the types, so that each decodes as what it is an example of."""

import base64
from collections.abc import Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.secret import Secret
from nexus.web import codec

TIME: Final = "2026-11-23T04:18:01.000000Z"
_ID_BODY: Final = "01jd3v8f2x7q9k4m6n0p5r1s2t"
TEXTS: Final[Mapping[str, str]] = {
    "after": "",
    "bucket": "chu-lyon-ingress",
    "email": "ada.martin@chu-lyon.example",
    "key_id": f"key_{_ID_BODY}",
    "login": "ada.martin",
    "name": "Ada Martin",
    "origin": "192.0.2.17",
    "owner": f"per_{_ID_BODY}",
    "person": f"per_{_ID_BODY}",
    "project": "cohort-2026",
    "purpose": "research",
    "reason": "end of the study",
    "region": "eu-west-3",
    "scope": "project:cohort-2026",
    "site": "chu-lyon",
}
"""Field name to a plausible value. Every person and place is invented."""


def example_of(type_: Any) -> dict[str, Any]:
    """An example document of a Struct or dataclass: its required fields only. Raises Invalid if it does not decode."""
    document = _record(type_)
    codec.from_builtins(document, type_)
    return document


def _record(type_: Any) -> dict[str, Any]:
    required = {field.encode_name for field in msgspec.structs.fields(type_) if field.required}
    fields = {name: kind for name, kind in (codec.fields_of(type_) or {}).items() if name in required}
    return {name: value(name, kind) for name, kind in fields.items()}


def value(name: str, type_: Any) -> Any:
    """An example of one field, as JSON."""
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is Annotated:
        given = [example for meta in arguments[1:] if isinstance(meta, msgspec.Meta) for example in meta.examples or ()]
        return given[0] if given else value(name, arguments[0])
    if origin in (Union, UnionType):
        return value(name, next(member for member in arguments if member is not NoneType))
    if origin is Literal:
        return arguments[0]
    if origin in (list, tuple, set, frozenset):
        return [value(name.removesuffix("s"), arguments[0])]
    if origin is dict:
        return {"zone": value(name, arguments[1])}
    return _scalar(name, type_)


def _scalar(name: str, type_: Any) -> Any:
    if type_ is Instant:
        return TIME
    if type_ is Secret:
        return "correct horse battery staple"
    if isinstance(type_, type) and issubclass(type_, Enum):
        return next(iter(type_)).value
    if codec.fields_of(type_) is not None:
        return _record(type_)
    plain: dict[Any, Any] = {bool: True, int: 30, float: 0.5, bytes: base64.b64encode(b"example").decode()}
    return plain.get(type_, TEXTS.get(name, f"{name}_{_ID_BODY}"))
