"""The checksums that the store keeps for this door: `{"crc32": "<base64>", "type": "FULL_OBJECT"}`."""

from collections.abc import Iterator, Mapping

from nexus.objects.s3.checksums import ALGORITHMS, FULL_OBJECT, Algorithm, encode
from nexus.objects.s3.http import Response
from nexus.objects.s3.xml import Node

TYPE = "type"


def keep(algorithm: Algorithm, value: bytes) -> dict[str, str]:
    """What to store for bytes that came in one piece."""
    return {algorithm.name.lower(): encode(value)}


def kind(checksums: Mapping[str, str]) -> str:
    """FULL_OBJECT or COMPOSITE."""
    return checksums.get(TYPE, FULL_OBJECT)


def add_headers(response: Response, checksums: Mapping[str, str]) -> None:
    """x-amz-checksum-… and its type."""
    for algorithm, text in known(checksums):
        response.add(algorithm.header, text)
        response.add("x-amz-checksum-type", kind(checksums))


def elements(checksums: Mapping[str, str], *, with_type: bool = True) -> list[Node]:
    """The same as elements of a document."""
    nodes: list[Node] = [(algorithm.element, text) for algorithm, text in known(checksums)]
    if nodes and with_type:
        nodes.append(("ChecksumType", kind(checksums)))
    return nodes


def known(checksums: Mapping[str, str]) -> Iterator[tuple[Algorithm, str]]:
    """The algorithms among what was stored, each with its text."""
    for name, text in checksums.items():
        if name != TYPE:
            yield ALGORITHMS[name.upper()], text
