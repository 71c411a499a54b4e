"""Turtle (W3C, RDF 1.1): nodes as text. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

from nexus.warehouse.catalogue.rdf import PREFIXES, Iri, Literal, Node, Value

MEDIA_TYPE: Final = "text/turtle"
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def write(nodes: Iterable[Node]) -> str:
    """The document. Names come from settings and patterns that hold no sign of the syntax; texts are escaped."""
    head = [f"@prefix {prefix}: <{namespace}> ." for prefix, namespace in PREFIXES.items()]
    return "\n".join([*head, "", *(f"{_named(node)} {_body(node, 1)} .\n" for node in nodes)])


def _named(node: Node) -> str:
    return f"<{Iri(node.name).value}>" if node.name else "[]"


def _body(node: Node, depth: int) -> str:
    """Everything that is said of a node, one property a line."""
    lines = [f"a {', '.join(node.classes)}"]
    for term in dict.fromkeys(term for term, _ in node.said):
        lines.append(f"{term} {_values(node.of(term), depth)}")
    return f" ;\n{'  ' * depth}".join(lines)


def _values(values: Sequence[Value], depth: int) -> str:
    return ", ".join(_value(value, depth) for value in values)


def _value(value: Value, depth: int) -> str:
    if isinstance(value, Iri):
        return f"<{value.value}>"
    if isinstance(value, Literal):
        return _literal(value)
    if value.name:
        return _named(value)
    return f"[ {_body(value, depth + 1)} ]"


def _literal(value: Literal) -> str:
    text = "".join(_sign(sign) for sign in value.text)
    suffix = f"@{value.language}" if value.language else f"^^{value.datatype}" if value.datatype else ""
    return f'"{text}"{suffix}'


def _sign(sign: str) -> str:
    if sign in _ESCAPES:
        return _ESCAPES[sign]
    return f"\\u{ord(sign):04X}" if ord(sign) < 0x20 or ord(sign) == 0x7F else sign
