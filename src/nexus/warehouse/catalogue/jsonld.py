"""JSON-LD 1.1: nodes as JSON with a context of its own, so that nothing is fetched to read it. Pure."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from nexus.warehouse.catalogue.rdf import PREFIXES, Iri, Node, Value

MEDIA_TYPE: Final = "application/ld+json"


def write(nodes: Iterable[Node]) -> str:
    """The document."""
    return msgspec.json.format(
        msgspec.json.encode({"@context": PREFIXES, "@graph": [_node(node) for node in nodes]}), indent=1
    ).decode()


def _node(node: Node) -> dict[str, Any]:
    made: dict[str, Any] = {"@id": Iri(node.name).value} if node.name else {}
    made["@type"] = list(node.classes)
    for term in dict.fromkeys(term for term, _ in node.said):
        made[term] = [_value(value) for value in node.of(term)]
    return made


def _value(value: Value) -> dict[str, Any]:
    if isinstance(value, Iri):
        return {"@id": value.value}
    if isinstance(value, Node):
        return {"@id": value.name} if value.name else _node(value)
    if value.language:
        return {"@value": value.text, "@language": value.language}
    return {"@value": value.text, "@type": value.datatype} if value.datatype else {"@value": value.text}
