"""Verifies the whole log: numbered steps that match docs/formats/audit-log.md. Blocks: run it on a thread."""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nexus.audit import store
from nexus.audit.files import CHECKPOINT
from nexus.audit.model import Verification
from nexus.audit.opening import CHUNK_ENTRIES, EntryOpener, Row
from nexus.audit.payload import LEAF_BYTES, VERSION, Opened
from nexus.audit.policy import LogIdentity
from nexus.audit.tiles import WIDTH, TileReader
from nexus.audit.treecheck import Problems, TreeCheck, and_more
from nexus.crypto.merkle import leaf_hash
from nexus.crypto.notes import Checkpoint, Note, verify_note
from nexus.kernel.database import Database, Transaction
from nexus.kernel.errors import Damaged, NexusError

Progress = Callable[[int, int], None]
"""(entries done, entries in all)"""

ERASE_ACTION = "audit.entry.erase"
_GAP = b"\x00" * LEAF_BYTES
"""Stands for a missing entry, so that those after it keep their places."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a witness remembers of the log: a note that carries the log's own signature, or None if it saw none."""

    witness: str
    note: Note | None


class LogVerification:
    """One run. `memories`: what each witness that answered remembers."""

    def __init__(self, db: Database, identity: LogIdentity, directory: Path, opener: EntryOpener) -> None:
        self._db, self._identity, self._directory, self._opener = db, identity, directory, opener
        self._problems = Problems()
        self._opened = 0
        self._erased: dict[str, int] = {}
        self._recorded: dict[str, str] = {}

    def run(
        self, memories: Iterable[Memory] = (), unreached: Iterable[str] = (), progress: Progress | None = None
    ) -> Verification:
        # What is published is read before the log: read after it, a log that grew meanwhile would look cut off.
        published = self._published()
        # Step 1. The head contradicts itself nowhere.
        with self._db.read() as tx:
            head = self._head(tx)
            stored = store.all_checkpoints(tx)
            end = store.end_of_leaves(tx)
        if end > head.size:
            self._problems.add("audit.beyond-head", "an entry stands beyond the end of the log", head.size)
        size = min(head.size, end)
        if size < head.size:
            self._problems.add("audit.entry-missing", f"entries {size} to {head.size - 1} are missing", size)
        # Step 2. Every checkpoint is signed by the log: kept in the database, on disk, and remembered by witnesses.
        claims = self._claims(stored, published, memories)
        # Step 3. Every entry is there, opens, and is what its leaf commits to. Step 4. The tiles are those of the leaves.
        tree = self._walk(size, [checkpoint.size for _, checkpoint in claims], stored, progress)
        root = tree.finish()
        # Step 5. The leaves make the root of the head.
        if root != head.root:
            self._problems.add(
                "audit.root", f"the entries do not make the root of the log's head ({head.size} entries)"
            )
        # Step 6. The tree begins with the tree of every checkpoint.
        agreeing = self._compare(claims, tree.roots, size)
        # Step 7. Whatever cannot be read any more was erased on record.
        self._check_erasures()
        return Verification(
            ok=self._problems.found == 0,
            size=head.size,
            root=b64encode(root).decode(),
            opened=self._opened,
            erased=sum(self._erased.values()),
            checkpoints=len(stored),
            witnesses=tuple(sorted(agreeing)),
            unreached=tuple(unreached),
            problems=self._problems.listed(),
        )

    def _head(self, tx: Transaction) -> store.Head:
        try:
            return store.read_head(tx)
        except Damaged as error:
            self._problems.add_error(error)
            return store.claimed_head(tx)

    # Checkpoints

    def _claims(
        self, stored: Iterable[store.StoredCheckpoint], published: bytes | None, memories: Iterable[Memory]
    ) -> list[tuple[str, Checkpoint]]:
        """(who says so, what) of every checkpoint with all signatures of the log; problems for the others."""
        claims: list[tuple[str, Checkpoint]] = []
        for kept in stored:
            self._claim(claims, "", kept.note)
        if published is not None:
            self._claim(claims, "", published)
        elif stored and self._published() is None:  # or the first one came meanwhile
            self._problems.add("audit.no-checkpoint-file", "the checkpoint file is missing")
        for memory in memories:
            if memory.note is not None:
                self._claim(claims, memory.witness, str(memory.note))
        return claims

    def _published(self) -> bytes | None:
        """The checkpoint on disk."""
        try:
            return (self._directory / CHECKPOINT).read_bytes()
        except FileNotFoundError:
            return None

    def _claim(self, claims: list[tuple[str, Checkpoint]], source: str, note: str | bytes) -> None:
        try:
            parsed = Note.parse(note)
            checkpoint = Checkpoint.parse(parsed.text)
            if checkpoint.origin != self._identity.origin or len(verify_note(parsed, self._identity.keys)) != len(
                self._identity.keys
            ):
                raise Damaged("a checkpoint is not signed by this log", code="audit.checkpoint-signature")
        except NexusError as error:
            if not source:  # what a witness shows without our signature is no evidence of anything
                self._problems.add_error(error)
        else:
            claims.append((source, checkpoint))

    def _compare(self, claims: Iterable[tuple[str, Checkpoint]], roots: Mapping[int, bytes], size: int) -> set[str]:
        """Names of the witnesses that agree; one problem for each source that does not."""
        agreeing: set[str] = set()
        wrong: dict[tuple[str, str], int] = {}
        for source, checkpoint in sorted(claims, key=lambda claim: claim[1].size):
            if checkpoint.size > size:
                wrong.setdefault(("audit.rolled-back", source), checkpoint.size)
            elif roots[checkpoint.size] != checkpoint.root:
                wrong.setdefault(("audit.forked", source), checkpoint.size)
            elif source:
                agreeing.add(source)
        for (code, source), at in wrong.items():
            who = f"witness {source} remembers" if source else "the log has signed"
            fault = "is shorter than" if code == "audit.rolled-back" else "differs from"
            self._problems.add(code, f"the log {fault} the checkpoint of {at} entries that {who}")
        return agreeing - {source for _, source in wrong}

    # Entries

    def _walk(
        self, size: int, roots_at: list[int], stored: list[store.StoredCheckpoint], progress: Progress | None
    ) -> TreeCheck:
        published = min(size, stored[-1].size) if stored else 0
        tiles = TileReader(self._directory, published) if published else None
        tree = TreeCheck(self._problems, tiles, [at for at in roots_at if at <= size])
        for first in range(0, size, CHUNK_ENTRIES):
            end = min(size, first + CHUNK_ENTRIES)
            leaves = self._read(first, end)
            if tiles is not None:
                self._compare_bundles(tiles, first, leaves)
            tree.add([leaf_hash(leaf) for leaf in leaves])
            if progress is not None:
                progress(end, size)
        return tree

    def _read(self, first: int, end: int) -> list[bytes]:
        """Leaf data of [first, end), each entry checked; a gap where one is missing."""
        leaves = [_GAP] * (end - first)
        for row in self._opener.rows(self._db, first, end):
            leaves[row.index - first] = row.leaf
            self._check(row)
        for at, leaf in enumerate(leaves, first):
            if leaf is _GAP:
                self._problems.add("audit.entry-missing", "the entry is missing", at)
        return leaves

    def _check(self, row: Row) -> None:
        if len(row.leaf) != LEAF_BYTES or row.leaf[:1] != VERSION:
            self._problems.add("audit.leaf-form", "the leaf is not in the form of version 1", row.index)
        if isinstance(row.entry, Opened):
            self._opened += 1
            if ERASE_ACTION.encode() in row.entry.payload:
                self._note_erasure(row.entry)
        elif row.entry is None:
            self._erased[row.erased_by or ""] = self._erased.get(row.erased_by or "", 0) + 1
        else:
            self._problems.add_error(row.entry, row.index)

    def _compare_bundles(self, tiles: TileReader, first: int, leaves: list[bytes]) -> None:
        for index in range(first // WIDTH, (min(first + len(leaves), tiles.size) + WIDTH - 1) // WIDTH):
            try:
                bundle = tiles.bundle(index)
            except Damaged as error:
                self._problems.add_error(error)
                continue
            start = index * WIDTH
            if wrong := [at for at, leaf in enumerate(bundle, start) if leaf != leaves[at - first]]:
                self._problems.add("audit.bundle", "the entry is not the published one" + and_more(wrong), wrong[0])

    # Erasures

    def _note_erasure(self, entry: Opened) -> None:
        content = entry.content()
        if content.action == ERASE_ACTION and "digest" in content.details:
            self._recorded[content.operation] = str(content.details["digest"])

    def _check_erasures(self) -> None:
        with self._db.read() as tx:
            erased = store.erased_epochs(tx)
        for operation, epochs in erased.items():
            if self._recorded.get(operation) != erasure_digest(epochs):
                self._problems.add(
                    "audit.erasure-unrecorded",
                    f"{self._erased.get(operation, 0)} entries were made unreadable without an erasure on record",
                )


def erasure_digest(epochs: Iterable[int]) -> str:
    """SHA-256 (hex) over the ids of erased epochs, in order: recorded with the erasure, recomputed here."""
    return hashlib.sha256(b"".join(epoch.to_bytes(8, "big") for epoch in sorted(epochs))).hexdigest()
