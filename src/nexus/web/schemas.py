"""JSON schemas of requests and results, from their types and from the words beside their fields."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, get_args

import msgspec

from nexus.kernel.clock import Instant
from nexus.web import codec
from nexus.web.fielddocs import class_doc, field_docs

Json = dict[str, Any]

REF: Final = "#/components/schemas/{name}"


class Schemas:
    """JSON schemas of all types, with times as text and with the fields' own words. `named`: those that have a name."""

    def __init__(self, types: Sequence[Any]) -> None:
        self._types = list(dict.fromkeys(types))
        records = list(dict.fromkeys(record for type_ in self._types for record in _records(type_)))
        every = list(dict.fromkeys([*self._types, *records]))
        found, self.named = msgspec.json.schema_components(every, schema_hook=codec.schema_hook, ref_template=REF)
        self._references = dict(zip(every, found, strict=True))
        for record in records:
            _mend(self.of(record), record)

    def reference(self, type_: Any) -> Json:
        """A `$ref`, or the schema itself where the type has no name."""
        reference: Json = self._references[type_]
        return reference

    def of(self, type_: Any) -> Json:
        """The schema of a Struct or a dataclass."""
        schema: Json = self.named[self._references[type_]["$ref"].rpartition("/")[2]]
        return schema


def references(node: Any) -> set[str]:
    """Names of the schemas that a document refers to."""
    if isinstance(node, dict):
        own = {node["$ref"].rpartition("/")[2]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list | tuple) else set()


def _records(type_: Any) -> Iterable[Any]:
    """Every Struct or dataclass inside a type, itself included."""
    fields = codec.fields_of(type_)
    if fields is not None:
        yield type_
    for inner in fields.values() if fields is not None else get_args(type_):
        yield from _records(inner)


def _mend(schema: Json, record: Any) -> None:
    docs = field_docs(record)
    schema["description"] = class_doc(record)
    for name, type_ in (codec.fields_of(record) or {}).items():
        _anchor_as_ecma(schema["properties"][name])
        if _holds_time(type_):
            schema["properties"][name] = _time_as_text(schema["properties"][name])
        if name in docs:
            schema["properties"][name].setdefault("description", docs[name])


def _anchor_as_ecma(schema: Json) -> None:
    """JSON schema's regular expressions know `^` and `$`, not Python's anchors."""
    if "pattern" in schema:
        schema["pattern"] = schema["pattern"].replace(r"\A", "^").replace(r"\Z", "$")
    for part in [*schema.get("anyOf", ()), schema.get("items")]:
        if isinstance(part, dict):
            _anchor_as_ecma(part)


def _holds_time(type_: Any) -> bool:
    return type_ is Instant or any(_holds_time(inner) for inner in get_args(type_))


def _time_as_text(schema: Json) -> Json:
    if schema.get("type") == "integer":
        return {key: part for key, part in schema.items() if key == "description"} | {
            "type": "string",
            "format": "date-time",
        }
    changed = dict(schema)
    if "anyOf" in schema:
        changed["anyOf"] = [_time_as_text(member) for member in schema["anyOf"]]
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            changed[key] = _time_as_text(schema[key])
    return changed
