"""Decides whether a checkpoint is cosigned: numbered steps that match docs/formats/witness.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nexus.audit.witness.keys import WitnessKeys
from nexus.audit.witness.store import Remembered, WitnessStore
from nexus.crypto.base64 import strict_b64decode
from nexus.crypto.merkle import HASH_BYTES, MAX_PROOF_HASHES, verify_consistency
from nexus.crypto.notes import Checkpoint, Note, NoteSignature, VerifierKey, parse_size, verify_note
from nexus.kernel.clock import SECOND, Clock, SystemClock
from nexus.kernel.errors import Conflict, Damaged, Denied, Invalid, NotFound

MAX_REQUEST_BYTES = 262_144


class OtherSize(Conflict):
    """The request starts from another size than the one remembered, which is `size`."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the newest checkpoint cosigned is of size {size}", code="witness.other-size")
        self.size = size


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request to cosign `note`, with the proof that it grows out of the checkpoint of `old_size`."""

    old_size: int
    proof: tuple[bytes, ...]
    note: Note
    checkpoint: Checkpoint

    @classmethod
    def parse(cls, body: bytes) -> "AddCheckpoint":
        """Read the body of a request. Raises Invalid."""
        if len(body) > MAX_REQUEST_BYTES:
            raise Invalid(f"a request has at most {MAX_REQUEST_BYTES} bytes", code="witness.too-large")
        head, blank, note = body.partition(b"\n\n")
        try:
            first, *proof = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise Invalid("the lines before the checkpoint are ASCII", code="witness.form") from None
        if not blank or not first.startswith("old ") or len(proof) > MAX_PROOF_HASHES:
            raise Invalid("a request is an old size, at most 63 hashes and a checkpoint", code="witness.form")
        hashes = tuple(strict_b64decode(line, "consistency proof") for line in proof)
        if any(len(value) != HASH_BYTES for value in hashes):
            raise Invalid("a proof is made of hashes of 32 bytes", code="witness.form")
        parsed = Note.parse(note)
        return cls(parse_size(first.removeprefix("old ")), hashes, parsed, Checkpoint.parse(parsed.text))


class WitnessService:
    """One witness: its keys, the logs that it knows, its memory."""

    def __init__(
        self,
        keys: WitnessKeys,
        logs: Mapping[str, Sequence[VerifierKey]],
        store: WitnessStore,
        *,
        clock: Clock | None = None,
    ) -> None:
        """`logs`: origin -> the log's keys; where there are several, each must have signed."""
        self._keys, self._logs, self._store = keys, logs, store
        self._clock = clock or SystemClock()

    async def add_checkpoint(self, body: bytes) -> str:
        """Cosign a checkpoint; returns the signature lines. Nothing is cosigned where it raises:

        Invalid (malformed), NotFound (unknown log), Denied (log signature), OtherSize (start from there),
        Damaged (another history: evidence of a fork).
        """
        # Step 1. The request is well formed.
        request = AddCheckpoint.parse(body)
        checkpoint = request.checkpoint
        # Step 2. The log is known, and every key known for it has signed.
        self._require_log_signatures(request)
        # Step 3. It does not shrink, and it starts from what is remembered.
        if request.old_size > checkpoint.size:
            raise Invalid("the old size is larger than the checkpoint's", code="witness.old-size")
        old = self._store.by_origin(checkpoint.origin)
        if request.old_size != (old.size if old else 0):
            raise OtherSize(old.size if old else 0)
        # Step 4. It grows out of what is remembered.
        _require_growth(request, old)
        # Step 5. Cosign, and remember before answering. Whoever was faster has moved the memory on.
        lines = self._keys.cosign(request.note.text, self._clock.now() // SECOND)
        note = Note(request.note.text, self._log_lines(request)).signed_by(*lines)
        if not await self._store.advance(
            checkpoint.origin, old, Remembered(checkpoint.size, checkpoint.root, str(note))
        ):
            newest = self._store.by_origin(checkpoint.origin)
            raise OtherSize(newest.size if newest else 0)
        return "".join(map(str, lines))

    def latest(self, digest: str) -> str:
        """The newest checkpoint cosigned for the log with this origin hash. Raises NotFound."""
        remembered = self._store.by_hash(digest)
        if remembered is None:
            raise NotFound("no checkpoint of this log was ever cosigned here", code="witness.never-seen")
        return remembered.note

    def _require_log_signatures(self, request: AddCheckpoint) -> None:
        keys = self._logs.get(request.checkpoint.origin)
        if not keys:
            raise NotFound("this witness does not know this log", code="witness.unknown-log")
        try:
            verified = verify_note(request.note, keys)
        except Damaged as error:
            raise Denied(error.message, code="witness.log-signature") from None
        if len(verified) != len(keys):
            raise Denied("the checkpoint lacks a signature of its log", code="witness.log-signature")

    def _log_lines(self, request: AddCheckpoint) -> tuple[NoteSignature, ...]:
        keys = self._logs[request.checkpoint.origin]
        return tuple(line for line in request.note.signatures if any(line.is_by(key) for key in keys))


def _require_growth(request: AddCheckpoint, old: Remembered | None) -> None:
    """Raise Damaged unless the checkpoint is the remembered tree, or grows out of it. Size 0 is a case of its own."""
    checkpoint = request.checkpoint
    if checkpoint.contradicts_empty:
        raise Damaged("an empty log has the root of the empty tree", code="witness.empty-root")
    if request.old_size == 0:
        if request.proof:
            raise Damaged("nothing is proved about the empty tree", code="witness.proof")
        if old is not None and checkpoint.size == 0 and old.root != checkpoint.root:
            raise Damaged("another empty log", code="witness.fork")
        return
    assert old is not None
    verify_consistency(old.size, checkpoint.size, old.root, checkpoint.root, request.proof)
