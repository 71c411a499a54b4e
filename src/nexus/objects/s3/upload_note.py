"""What an upload in parts remembers: its checksum algorithm and type, its kind of encryption.

In the note that the store keeps for us: `[<algorithm> <type>][;<AES256, client or nothing>[;<owner>]]`. The owner is told
where it is not the initiator.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from nexus.objects.model import Metadata, Part, Upload
from nexus.objects.s3 import checksums, errors
from nexus.objects.s3.call import Call
from nexus.objects.s3.checksums import ALGORITHMS, COMPOSITE, CRC64NVME, FULL_OBJECT, Algorithm
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.stored import TYPE


@dataclass(frozen=True, slots=True)
class UploadChecksum:
    """`chosen` tells whether the client named it; otherwise it is S3's default, CRC64NVME over the full object."""

    algorithm: Algorithm
    type: str
    chosen: bool

    @property
    def note(self) -> str:
        return f"{self.algorithm.name} {self.type}" if self.chosen else ""

    @property
    def name(self) -> str:
        """The key under which a part's checksum is stored."""
        return self.algorithm.name.lower()

    def combine(self, upload: Upload, parts: Sequence[Part]) -> dict[str, str]:
        """The checksums of the whole object. Raises Refusal if a part was stored without its own."""
        texts = [part.checksums.get(self.name) for part in parts]
        values = [checksums.decode(self.algorithm, text) for text in texts if text is not None]
        if len(values) != len(parts):
            raise Refusal(errors.INVALID_REQUEST, f"a part has no {self.algorithm.name} checksum")
        if self.type == COMPOSITE:
            return {self.name: checksums.composite(self.algorithm, values), TYPE: COMPOSITE}
        sized = [(value, part.size) for value, part in zip(values, parts, strict=True)]
        return {self.name: checksums.encode(checksums.combined(self.algorithm, sized))}


CLIENT = "client"


def write(checksum: UploadChecksum, metadata: Metadata, *, client_key: bool, owner: str) -> str:
    """The note of a new upload. `owner` is empty if it is the initiator."""
    kind = CLIENT if client_key else metadata.encryption or ""
    return f"{checksum.note};{kind};{owner}".rstrip(";")


def owner_of(upload: Upload) -> str:
    """Who owns what the upload will become."""
    return (*upload.note.split(";"), "", "")[2] or upload.initiator


def encryption_of(upload: Upload) -> Metadata:
    """The kind of encryption that an upload remembers, as metadata would have it."""
    kind = (*upload.note.split(";"), "")[1]
    return Metadata(client_key=CLIENT) if kind == CLIENT else Metadata(encryption=kind or msgspec.UNSET)


DEFAULT = UploadChecksum(CRC64NVME, FULL_OBJECT, chosen=False)


def of_request(call: Call) -> UploadChecksum:
    """The choice of CreateMultipartUpload. Raises Refusal for a type that the algorithm cannot have."""
    name, kind = call.header("x-amz-checksum-algorithm"), call.header("x-amz-checksum-type")
    if name is None:
        if kind is not None:
            raise Refusal(errors.INVALID_REQUEST, "x-amz-checksum-type needs x-amz-checksum-algorithm")
        return DEFAULT
    algorithm = checksums.named(name)
    kind = kind or algorithm.types()[0]
    if kind not in algorithm.types():
        raise Refusal(
            errors.INVALID_REQUEST,
            f"The {kind} checksum type cannot be used with the {algorithm.name} checksum algorithm.",
        )
    return UploadChecksum(algorithm, kind, chosen=True)


def of_upload(upload: Upload) -> UploadChecksum:
    """The choice that an upload remembers."""
    note = upload.note.partition(";")[0]
    if not note:
        return DEFAULT
    name, kind = note.split(" ")
    return UploadChecksum(ALGORITHMS[name], kind, chosen=True)
