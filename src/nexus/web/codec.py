"""Requests and results as JSON: strict in, plain out.

Inside, a time is an `Instant` (microseconds) and a credential a `Secret`; in JSON they are RFC 3339 text and text. The
types of the fields say which is which, so that no service writes a conversion of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

from nexus.kernel.clock import Instant, parse_rfc3339, rfc3339
from nexus.kernel.errors import Invalid
from nexus.kernel.secret import Secret

LAST_INSTANT: Final = parse_rfc3339("9999-12-31T23:59:59.999999Z")
"""The last moment that RFC 3339 can write in UTC."""

Leaf = Callable[[Any, str], Any]
"""Converts one time; the text is its place in the document (`$.until`)."""


def decode(data: bytes, type_: Any) -> Any:
    """JSON bytes as a value of `type_`. Raises Invalid, naming the place, on anything that does not fit exactly."""
    return from_builtins(parse(data), type_)


def parse(data: bytes) -> Any:
    """JSON bytes as dicts, lists and scalars. Raises Invalid on anything else."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid("the body is not JSON in UTF-8", code="web.not-json", hint=str(error)) from error


def from_builtins(document: Any, type_: Any, *, strict: bool = True) -> Any:
    """Dicts, lists and scalars as a value of `type_`. `strict=False` reads numbers and booleans out of text (queries)."""
    change = _changer(type_, _to_instant)
    try:
        return msgspec.convert(change(document, "$") if change else document, type_, strict=strict, dec_hook=_reveal_in)
    except msgspec.ValidationError as error:
        message = _without_value(str(error))
        raise Invalid(message, code="web.invalid-request", hint="see the reference of this operation") from error


def _without_value(message: str) -> str:
    """msgspec quotes what is none of an enumeration's values, and that may be a password in the wrong field."""
    if message.startswith("Invalid enum value"):
        return f"Not one of the accepted values - at {message.rpartition(' - at ')[2]}"
    return message


def encode(value: Any, type_: Any, *, reveal: bool = False) -> bytes:
    """A value of `type_` as canonical JSON: UTF-8, keys sorted, no spaces. Equal values give equal bytes."""
    return msgspec.json.encode(to_builtins(value, type_, reveal=reveal), order="deterministic")


def to_builtins(value: Any, type_: Any, *, reveal: bool = False) -> Any:
    """A value of `type_` as dicts, lists and scalars. A `Secret` inside raises TypeError unless `reveal` is given."""
    document = msgspec.to_builtins(value, str_keys=True, enc_hook=_reveal_out if reveal else None)
    change = _changer(type_, _to_text)
    return change(document, "$") if change else document


def fields_of(type_: Any) -> dict[str, Any] | None:
    """Name in JSON and type of each field of a Struct or a dataclass; None for any other type."""
    plain = get_origin(type_) or type_
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        return {field.encode_name: field.type for field in msgspec.structs.fields(type_)}
    if isinstance(plain, type) and is_dataclass(plain):
        hints = get_type_hints(plain, include_extras=True)
        return {field.name: hints[field.name] for field in fields(plain)}
    return None


def schema_hook(type_: type) -> dict[str, Any]:
    """The JSON schema of types that msgspec does not know."""
    if type_ is Secret:
        return {"type": "string", "format": "password"}
    raise NotImplementedError


def _reveal_in(type_: type, value: Any) -> Any:
    if type_ is Secret:
        if isinstance(value, str) and value:
            return Secret(value.encode())
        raise ValueError("Expected a `str` that is not empty")
    raise NotImplementedError


def _reveal_out(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal().decode()
    raise NotImplementedError


def _to_text(value: Any, path: str) -> Any:
    return rfc3339(value)


def _to_instant(value: Any, path: str) -> Any:
    try:
        instant = parse_rfc3339(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise _no_time(path) from error
    if not 0 <= instant <= LAST_INSTANT:
        raise _no_time(path)
    return instant


def _no_time(path: str) -> Invalid:
    return Invalid(
        f"Expected a time from 1970 to 9999 with its offset, such as 2026-11-23T04:18:01Z - at `{path}`",
        code="web.invalid-request",
    )


@cache
def _changer(type_: Any, leaf: Leaf) -> Leaf | None:
    """How to convert the times inside a document of `type_`, or None where it holds none."""
    if type_ is Instant:
        return leaf
    origin, arguments = get_origin(type_) or type_, get_args(type_)
    if (record := fields_of(type_)) is not None:
        return _record_changer(record, leaf)
    if origin in (Union, UnionType):
        return _union_changer(arguments, leaf)
    if origin in (list, tuple, set, frozenset, Sequence) and arguments:
        return _list_changer(_changer(arguments[0], leaf))
    if origin in (dict, Mapping) and arguments:
        return _dict_changer(_changer(arguments[1], leaf))
    return _changer(arguments[0], leaf) if origin is Annotated else None


def _record_changer(types: Mapping[str, Any], leaf: Leaf) -> Leaf | None:
    inner = {name: changer for name, type_ in types.items() if (changer := _changer(type_, leaf)) is not None}
    if not inner:
        return None

    def change(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: inner[key](item, f"{path}.{key}") if key in inner else item for key, item in value.items()}

    return change


def _union_changer(members: tuple[Any, ...], leaf: Leaf) -> Leaf | None:
    inner = [changer for member in members if (changer := _changer(member, leaf)) is not None]
    if not inner:
        return None
    if len(members) != 2 or NoneType not in members:
        raise TypeError(f"a time inside a union of {members} cannot be told apart; use `T | None`")
    return lambda value, path: None if value is None else inner[0](value, path)


def _list_changer(inner: Leaf | None) -> Leaf | None:
    if inner is None:
        return None

    def change(value: Any, path: str) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return [inner(item, f"{path}[{index}]") for index, item in enumerate(value)]

    return change


def _dict_changer(inner: Leaf | None) -> Leaf | None:
    if inner is None:
        return None

    def change(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: inner(item, f"{path}[...]") for key, item in value.items()}

    return change
