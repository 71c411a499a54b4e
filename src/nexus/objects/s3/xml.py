"""S3's XML: small trees out, and small trees in from strangers.

Incoming documents are limited in size and depth before they are looked at; document types, entities and external
references are refused outright.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from nexus.objects.s3 import errors
from nexus.objects.s3.errors import Refusal

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
MAX_DOCUMENT = 2 * 1024 * 1024
"""Bytes of an incoming document."""
MAX_DEPTH = 8
"""Levels of an incoming document; S3's deepest has five."""

Content: TypeAlias = "str | int | bool | Iterable[Node] | None"
Node: TypeAlias = "tuple[str, Content]"

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPECIAL = re.compile('[&<>"\x00-\x1f\x7f\ufffe\uffff]')
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_REPLACEMENT = "\ufffd"


def render(name: str, content: "str | Iterable[Node]", *, namespace: str = NAMESPACE) -> bytes:
    """A document. None leaves an element out; an empty string keeps it."""
    out = [_HEAD, f'<{name} xmlns="{namespace}">' if namespace else f"<{name}>"]
    if isinstance(content, str):
        out.append(escape(content))
    else:
        _write(out, content)
    out.append(f"</{name}>")
    return "".join(out).encode("utf-8", "replace")


def _write(out: list[str], children: Iterable[Node]) -> None:
    for name, content in children:
        if content is None:
            continue
        tag = name.partition(" ")[0]
        if isinstance(content, bool):
            out.append(f"<{name}>{'true' if content else 'false'}</{tag}>")
        elif isinstance(content, str | int):
            out.append(f"<{name}>{escape(str(content))}</{tag}>")
        else:
            out.append(f"<{name}>")
            _write(out, content)
            out.append(f"</{tag}>")


def escape(text: str) -> str:
    """Text for an element. What XML 1.0 cannot hold is replaced: one odd key must not make a whole listing unreadable.

    Clients that want such names exactly ask for `encoding-type=url`.
    """
    return _SPECIAL.sub(lambda found: _ESCAPES.get(found[0], _REPLACEMENT), text)


def owner(actor_id: str) -> list[Node]:
    """An Owner element's content."""
    return [("ID", actor_id), ("DisplayName", actor_id)]


class Document:
    """An element of an incoming document; names are compared without their namespace, as S3 does."""

    __slots__ = ("_element",)

    def __init__(self, element: Element) -> None:
        self._element = element

    @property
    def name(self) -> str:
        return _local(self._element)

    @property
    def text(self) -> str:
        return self._element.text or ""

    def children(self) -> Iterator["Document"]:
        return (Document(child) for child in self._element)

    def all(self, name: str) -> list["Document"]:
        """The children of this name."""
        return [Document(child) for child in self._element if _local(child) == name]

    def find(self, name: str) -> str | None:
        """The text of the only child of this name, or None. Raises Refusal if there are several."""
        found = self.all(name)
        if len(found) > 1:
            raise Refusal(errors.MALFORMED_XML, f"{name} is given twice")
        return found[0].text if found else None

    def require(self, name: str) -> str:
        """The text of the only child of this name. Raises Refusal without it."""
        text = self.find(name)
        if text is None:
            raise Refusal(errors.MALFORMED_XML, f"{name} is missing")
        return text


def parse(body: bytes, root: str) -> Document:
    """The document element, which must be named `root`. Raises Refusal with MalformedXML on anything else."""
    try:
        element: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        # LookupError: an encoding that does not exist.
        raise Refusal(errors.MALFORMED_XML) from error
    if _local(element) != root or _too_deep(element):
        raise Refusal(errors.MALFORMED_XML)
    return Document(element)


def _too_deep(root: Element) -> bool:
    level: list[Element] = [root]
    for _ in range(MAX_DEPTH):
        level = [child for element in level for child in element]
        if not level:
            return False
    return True


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]
