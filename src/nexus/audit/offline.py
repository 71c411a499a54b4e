"""Checks that need nothing but files and public keys: what `nexus audit verify PATH` calls."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import msgspec

from nexus.audit.export_files import OPENED, POLICY
from nexus.audit.files import CHECKPOINT
from nexus.audit.model import ProvenEntry, Verification
from nexus.audit.payload import leaf_data
from nexus.audit.policy import Attestation, TrustPolicy
from nexus.audit.receipt import verify_receipt as verify_with
from nexus.audit.tiles import WIDTH, TileReader
from nexus.audit.treecheck import Problems, TreeCheck
from nexus.crypto.base64 import strict_b64decode
from nexus.crypto.merkle import leaf_hash
from nexus.crypto.notes import Note
from nexus.kernel.clock import SECOND, rfc3339
from nexus.kernel.errors import Damaged, NexusError, NotFound

Progress = Callable[[int, int], None]
"""(entries done, entries in all)"""

MAX_LINE_BYTES = 131_072
"""Bytes of a line of opened entries."""


def verify_receipt(text: str, policy: str) -> ProvenEntry:
    """Verify a receipt against a trust policy (tlog-policy text); return what it proves. Raises Damaged or Invalid."""
    proven = verify_with(text, TrustPolicy.parse(policy))
    return ProvenEntry(
        origin=proven.checkpoint.origin,
        index=proven.index,
        content=proven.content,
        checkpoint_size=proven.checkpoint.size,
        checkpoint_root=b64encode(proven.checkpoint.root).decode(),
        cosigned={name: rfc3339(at * SECOND) for name, at in proven.cosigned.items()},
    )


def verify_directory(path: Path, policy: str | None, progress: Progress | None = None) -> Verification:
    """Verify an exported log: signatures, tiles, and opened entries where there are any.

    Without a policy, the keys in the directory itself are used: that shows that the copy is whole, not whose it is.
    Raises NotFound or Invalid where there is nothing to verify; everything else is in the result.
    """
    return _DirectoryCheck(path, policy).run(progress)


class _DirectoryCheck:
    def __init__(self, path: Path, policy: str | None) -> None:
        self._path = path
        self._note = Note.parse(self._read(CHECKPOINT))
        self._policy = TrustPolicy.parse(policy if policy is not None else self._read(POLICY).decode())
        self._problems = Problems()

    def run(self, progress: Progress | None) -> Verification:
        # Step 1. The checkpoint is signed by the log, and cosigned by enough witnesses.
        attestation = self._attest()
        size = attestation.checkpoint.size
        # Step 2. The entry bundles make the tiles. Step 3. Opened entries are what the bundles commit to.
        tiles = TileReader(self._path, size)
        tree = TreeCheck(self._problems, tiles, [])
        for index in range((size + WIDTH - 1) // WIDTH):
            try:
                tree.add([leaf_hash(leaf) for leaf in tiles.bundle(index)])
            except Damaged as error:
                self._problems.add_error(error, index * WIDTH)
                break
            if progress is not None:
                progress(min(size, (index + 1) * WIDTH), size)
        opened = self._check_opened(tiles)
        # Step 4. They make the root of the checkpoint.
        root = tree.finish()
        if root != attestation.checkpoint.root:
            self._problems.add("audit.root", "the entries do not make the root of the checkpoint")
        return Verification(
            ok=self._problems.found == 0,
            size=size,
            root=b64encode(root).decode(),
            opened=opened,
            erased=0,
            checkpoints=1,
            witnesses=tuple(attestation.cosigned),
            unreached=(),
            problems=self._problems.listed(),
        )

    def _attest(self) -> Attestation:
        try:
            attestation = self._policy.verify(self._note)
            if not attestation.witnessed:
                self._problems.add("policy.quorum", "too few of the policy's witnesses have cosigned the checkpoint")
        except Damaged as error:
            self._problems.add_error(error)
            return Attestation.unverified(self._note)
        return attestation

    def _check_opened(self, tiles: TileReader) -> int:
        """How many lines of opened entries are what their leaf commits to."""
        try:
            file = (self._path / OPENED).open("rb")
        except FileNotFoundError:
            return 0
        good, number, current = 0, -1, []
        with file:
            while line := file.readline(MAX_LINE_BYTES):
                try:
                    parsed = msgspec.json.decode(line, type=_OpenedLine)
                    salt = strict_b64decode(parsed.salt, "salt")
                    if parsed.index // WIDTH != number:
                        number, current = parsed.index // WIDTH, tiles.bundle(parsed.index // WIDTH)
                    if current[parsed.index % WIDTH] != leaf_data(salt, bytes(parsed.entry)):
                        self._problems.add("audit.commitment", "the opened entry is not the logged one", parsed.index)
                        continue
                except (msgspec.MsgspecError, NexusError, ValueError, IndexError):
                    self._problems.add("audit.opened-line", f"line {good + 1} of {OPENED} cannot be checked")
                    continue
                good += 1
        return good

    def _read(self, name: str) -> bytes:
        try:
            return (self._path / name).read_bytes()
        except FileNotFoundError:
            raise NotFound(
                f"{self._path.name} holds no {name}",
                code="audit.not-an-export",
                hint="name a directory that `nexus audit export` wrote, or the log/ of a data directory with --policy",
            ) from None


class _OpenedLine(msgspec.Struct, frozen=True):
    index: int
    salt: str
    entry: msgspec.Raw
