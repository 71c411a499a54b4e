"""How a write names the subject of its object: by a tag, by a header, or by a manifest of many. Pure.

The name leaves the tags and the user metadata here, and travels as `Metadata.subject`: nobody finds it among the tags,
and nobody replaces it by replacing them.
"""

from typing import Final

import msgspec

from nexus.kernel.errors import Denied, Invalid
from nexus.kernel.ids import is_id
from nexus.objects.errors import BAD_SUBJECT, OTHER_SUBJECT
from nexus.objects.model import Metadata

TAG: Final = "nexus:subject"
USER: Final = "nexus-subject"
"""In the user metadata; the header is `x-amz-meta-nexus-subject`."""
SUBJECT: Final = "sub"
MANIFEST: Final = "smf"
MAX_MANIFEST_SUBJECTS: Final = 10_000
"""Subjects that one manifest names."""


def taken_out(metadata: Metadata) -> Metadata:
    """The same, its subject where it belongs. Raises Invalid where it names two, or what is no subject."""
    given = {text for text in (metadata.tags.get(TAG), metadata.user.get(USER)) if text is not None}
    if not given:
        return metadata
    if isinstance(metadata.subject, str):
        given.add(metadata.subject)
    if len(given) > 1:
        raise Invalid("the tag and the header name different subjects", code=BAD_SUBJECT)
    return msgspec.structs.replace(
        metadata,
        subject=checked(given.pop()),
        tags={name: text for name, text in metadata.tags.items() if name != TAG},
        user={name: text for name, text in metadata.user.items() if name != USER},
    )


def checked(name: str) -> str:
    """A subject or a manifest by its id. Raises Invalid."""
    if is_id(name, SUBJECT) or is_id(name, MANIFEST):
        return name
    raise Invalid("this is no subject", code=BAD_SUBJECT, hint="the id of a subject (sub_…) or of a manifest (smf_…)")


def is_manifest(name: str) -> bool:
    """Whether a name stands for many subjects."""
    return name.startswith(f"{MANIFEST}_")


def retagged(found: Metadata, tags: dict[str, str]) -> Metadata:
    """The metadata under new tags. Raises Denied if they name another subject: tags change none."""
    named = tags.pop(TAG, None)
    if named is not None and named != (found.subject or None):
        raise Denied("tags cannot change whose object this is", code=OTHER_SUBJECT)
    return msgspec.structs.replace(found, tags=tags)
