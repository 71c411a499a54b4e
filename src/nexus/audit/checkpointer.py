"""Publishes the log: signs its head, has it witnessed, and writes the static files. Run by the worker."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nexus.audit import store
from nexus.audit.files import LogFiles, require_own, rolled_back
from nexus.audit.policy import LogIdentity, TrustPolicy, policy_text
from nexus.audit.ports import Signer
from nexus.audit.witnesses import Refused, Witness, WitnessClient
from nexus.crypto.merkle import EMPTY_ROOT, consistency_proof
from nexus.crypto.notes import (
    Checkpoint,
    Note,
    NoteSignature,
    encode_signature,
    message_to_sign,
    verify_note,
)
from nexus.kernel.clock import HOUR, SECOND, Clock, SystemClock
from nexus.kernel.database import Bookkeeping, Database, Transaction
from nexus.kernel.errors import Damaged, NexusError, Unavailable

KEEP_CHECKPOINTS = 256
"""Newest checkpoints that are all kept; of older ones, the last of each hour."""
RETRY_AFTER = 10 * SECOND
"""Microseconds for which a witness that failed is left alone."""


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint on disk. `failures`: witness name -> why it did not cosign."""

    size: int
    root: bytes
    note: str
    witnessed: bool
    failures: dict[str, str]


class Checkpointer:
    """One at a time on a data directory (a lock file makes sure). `start` first, `close` last."""

    def __init__(
        self,
        db: Database,
        signers: Sequence[Signer],
        directory: Path,
        witnesses: WitnessClient,
        *,
        clock: Clock | None = None,
    ) -> None:
        """`signers`: all keys of the log, with the origin as their name. `directory`: `<data>/log`."""
        self._db, self._signers, self._client = db, signers, witnesses
        self._identity = LogIdentity(signers[0].key.name, tuple(signer.key for signer in signers))
        self._files = LogFiles(db, self._identity, directory)
        self._clock = clock or SystemClock()
        self._known: dict[str, int] = {}
        self._rest_until: dict[str, int] = {}
        self._published = 0

    async def start(self) -> tuple[str, ...]:
        """Compare the database with the checkpoint on disk and with what each witness remembers.

        Returns the names of the witnesses that did not answer. Raises Damaged where the log was truncated, rolled
        back or forked: the platform must not go on. Raises Conflict if another process publishes this log.
        """
        # Steps 1 to 3: the files. Step 4: the witnesses.
        head = await asyncio.to_thread(self._files.open)
        witnesses, _ = await asyncio.to_thread(self._policy)
        answers = await asyncio.gather(*(self._recall(witness, head.size) for witness in witnesses))
        return tuple(witness.name for witness, heard in zip(witnesses, answers, strict=True) if not heard)

    def close(self) -> None:
        """Let another process take over."""
        self._files.close()

    async def publish(self) -> Published | None:
        """Publish the head; None if it is empty, or published and witnessed already.

        Raises Damaged as `start` does, Sealed or Unavailable if the key service does not sign.
        """
        head, newest = await asyncio.to_thread(self._heads)
        witnesses, policy = await asyncio.to_thread(self._policy)
        if newest is not None and newest.size == head.size:
            if newest.witnessed or policy.quorum == "none":
                return None
            note, published_at = Note.parse(newest.note), newest.published_at
        elif head.size == 0:
            return None
        else:
            await asyncio.to_thread(self._files.extend, head)
            note, published_at = await self._sign(head), self._clock.now()
        (note, failures), _ = await asyncio.gather(
            self._witness(note, head, witnesses), asyncio.to_thread(self._files.sync)
        )
        witnessed = policy.quorum != "none" and policy.verify(note).witnessed
        await self._keep(note, store.StoredCheckpoint(head.size, str(note), published_at, witnessed))
        return Published(head.size, head.root, str(note), witnessed, failures)

    # Reading

    def _heads(self) -> tuple[store.Head, store.StoredCheckpoint | None]:
        with self._db.read() as tx:
            return store.read_head(tx), store.latest_checkpoint(tx)

    def _policy(self) -> tuple[list[Witness], TrustPolicy]:
        with self._db.read() as tx:
            policy = store.read_policy(tx)
        trust = TrustPolicy.parse(policy_text(self._identity, policy))
        return [Witness.of(spec) for spec in policy.witnesses], trust

    # Signing

    async def _sign(self, head: store.Head) -> Note:
        """The head as a note with every signature of the log, each verified before anybody sees it."""
        text = str(Checkpoint(self._identity.origin, head.size, head.root))
        timestamp = self._clock.now() // SECOND
        note = Note(
            text, tuple(await asyncio.gather(*(_signature(signer, text, timestamp) for signer in self._signers)))
        )
        require_own(self._identity, note)
        return note

    async def _keep(self, note: Note, checkpoint: store.StoredCheckpoint) -> None:
        self._published += 1
        thin = self._published % KEEP_CHECKPOINTS == 0

        def work(tx: Transaction) -> None:
            store.put_checkpoint(tx, checkpoint)
            if thin:
                store.thin_checkpoints(tx, KEEP_CHECKPOINTS, HOUR)

        # The database comes last: what stands there counts as published and is not published again.
        await asyncio.to_thread(self._files.put_checkpoint, note)
        await self._db.bookkeep(Bookkeeping.CHECKPOINT, work)

    # Witnesses

    async def _witness(self, note: Note, head: store.Head, witnesses: Sequence[Witness]) -> tuple[Note, dict[str, str]]:
        """The note with every cosignature to be had now, and why the others are not there."""
        waiting = [witness for witness in witnesses if not witness.has_signed(note)]
        answers = await asyncio.gather(*(self._ask(witness, note, head) for witness in waiting))
        failures = {}
        for witness, answer in zip(waiting, answers, strict=True):
            if isinstance(answer, str):
                failures[witness.name] = answer
            else:
                note = note.signed_by(*answer)
        return note, failures

    async def _ask(self, witness: Witness, note: Note, head: store.Head) -> tuple[NoteSignature, ...] | str:
        """One witness's cosignatures, or why there are none. Raises Damaged only on evidence signed by this log."""
        if self._clock.now() < self._rest_until.get(witness.name, 0):
            return "failed a moment ago"
        try:
            lines = await self._cosign(witness, note, head)
        except Unavailable as error:
            self._rest_until[witness.name] = self._clock.now() + RETRY_AFTER
            return error.message
        self._known[witness.name] = head.size
        return lines

    async def _cosign(self, witness: Witness, note: Note, head: store.Head) -> tuple[NoteSignature, ...]:
        known = self._known.get(witness.name, 0)
        for _ in range(2):  # what we believe it knows, then what it says it knows
            try:
                return await self._cosign_from(witness, note, known, head)
            except Refused as refusal:
                if refusal.size is None or refusal.size > head.size:
                    break
                known = refusal.size
        await self._recall(witness, head.size)
        raise Unavailable(f"witness {witness.name} refuses, but shows no evidence", code="audit.witness-unavailable")

    async def _cosign_from(self, witness: Witness, note: Note, old: int, head: store.Head) -> tuple[NoteSignature, ...]:
        proof = await asyncio.to_thread(self._prove_growth, old, head.size)
        lines = await self._client.cosign(witness, note, old, proof)
        try:
            complete = witness.has_signed(Note(note.text, lines))
        except Damaged:
            complete = False
        if not complete:
            raise Unavailable(f"witness {witness.name} answered with a bad signature", code="audit.witness-unavailable")
        return lines

    def _prove_growth(self, old: int, new: int) -> list[bytes]:
        """The empty tree is the beginning of every tree: it needs no proof."""
        return consistency_proof(old, new, self._files.tree().nodes) if old else []

    async def _recall(self, witness: Witness, size: int) -> bool:
        """Compare the log with what a witness remembers; False if it gives no answer.

        Only a checkpoint with a signature of this log counts: no witness can make the platform stop by a mere claim.
        Raises Damaged where the log is behind, or not the same.
        """
        try:
            note = await self._client.latest(witness, self._identity.origin)
            if note is None:
                return True
            checkpoint = Checkpoint.parse(note.text)
            genuine = checkpoint.origin == self._identity.origin and verify_note(note, self._identity.keys)
        except NexusError:
            return False
        if not genuine:
            return False
        if checkpoint.size > size:
            raise rolled_back(checkpoint.size, size, f"the checkpoint that witness {witness.name} remembers")
        if checkpoint.size:
            await asyncio.to_thread(self._files.require_consistent, [checkpoint])
        elif checkpoint.root != EMPTY_ROOT:
            return False
        self._known[witness.name] = checkpoint.size
        return True


async def _signature(signer: Signer, text: str, timestamp: int) -> NoteSignature:
    """One signature line of the log."""
    time = timestamp if signer.key.type.timestamped else 0
    return encode_signature(signer.key, await signer.sign(message_to_sign(signer.key, text, time)), time)
