"""Tags as documents of S3: `Tagging` with a `TagSet`."""

from collections.abc import Mapping

from nexus.objects.s3 import errors
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.xml import Document, Node


def elements(tags: Mapping[str, str]) -> list[Node]:
    """The content of a Tagging document."""
    return [("TagSet", [("Tag", [("Key", name), ("Value", value)]) for name, value in sorted(tags.items())])]


def read(document: Document) -> dict[str, str]:
    """The tags of a Tagging document. Raises Refusal."""
    sets = document.all("TagSet")
    if len(sets) != 1:
        raise Refusal(errors.MALFORMED_XML, "Tagging needs one TagSet")
    tags: dict[str, str] = {}
    for element in sets[0].all("Tag"):
        name = element.require("Key")
        if name in tags:
            raise Refusal(errors.INVALID_TAG, "Cannot provide multiple Tags with the same key")
        tags[name] = element.require("Value")
    return tags
