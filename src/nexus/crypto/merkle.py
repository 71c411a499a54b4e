"""The Merkle tree of RFC 6962 section 2.1 over SHA-256: append, prove, verify. Pure functions, no storage.

A tree is known here by its *frontier* (the roots of its complete subtrees, largest first: RFC 6962 calls the tree that
they make MTH) or through a `Nodes` function that answers with the hash of any complete subtree.

The empty tree is a case of its own: it proves nothing, so that no proof about it is ever made or accepted.
Format and steps: docs/formats/audit-log.md. Known answers: tests/conformance/test_merkle_vectors.py.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from nexus.kernel.errors import Damaged

HASH_BYTES = 32
MAX_PROOF_HASHES = 63
"""Hashes in a proof: one for each level of a tree of at most 2**63 leaves."""
EMPTY_ROOT = sha256().digest()

Nodes = Callable[[int, int], bytes]
"""`nodes(level, index)` is the hash of the complete subtree over leaves [index << level, (index + 1) << level)."""


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf: SHA-256(0x00 || data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: all that appending needs, in at most 63 hashes."""

    __slots__ = ("_peaks", "_size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """`peaks`: roots of the complete subtrees, largest first; one for each set bit of `size`."""
        self._size = size
        self._peaks = list(peaks)
        if len(self._peaks) != size.bit_count() or any(len(peak) != HASH_BYTES for peak in self._peaks):
            raise Damaged(f"a tree of size {size} has {size.bit_count()} subtrees", code="merkle.frontier")

    @classmethod
    def decode(cls, size: int, data: bytes) -> "Frontier":
        """The inverse of `encode`. Raises Damaged if the length does not fit the size."""
        return cls(size, (data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)))

    def encode(self) -> bytes:
        """The peaks, one after the other."""
        return b"".join(self._peaks)

    @property
    def size(self) -> int:
        return self._size

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Append leaves, each given as its leaf hash."""
        peaks, size = self._peaks, self._size
        for tip in leaf_hashes:
            merged, bits = tip, size
            while bits & 1:
                merged = sha256(b"\x01" + peaks.pop() + merged).digest()
                bits >>= 1
            peaks.append(merged)
            size += 1
        self._size = size

    def root(self) -> bytes:
        """MTH of the whole tree."""
        return _fold(self._peaks)


def _fold(peaks: Sequence[bytes]) -> bytes:
    """The root over complete subtrees of falling size."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def tree_root(leaf_hashes: Iterable[bytes]) -> bytes:
    """MTH over leaf hashes."""
    frontier = Frontier()
    frontier.extend(leaf_hashes)
    return frontier.root()


def root_at(size: int, nodes: Nodes) -> bytes:
    """MTH of the first `size` leaves."""
    return _range_hash(0, size, nodes)


def frontier_at(size: int, nodes: Nodes) -> Frontier:
    """The frontier of the first `size` leaves, to go on appending from there."""
    return Frontier(size, _peaks(0, size, nodes))


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """PATH(index, D[size]): from the leaf's sibling up to the root's child."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    proof: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            proof.append(_range_hash(middle, end, nodes))
            end = middle
        else:
            proof.append(_range_hash(begin, middle, nodes))
            begin = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """PROOF(old, D[new]); empty when the sizes are equal. `old` must not be 0."""
    if not 0 < old <= new:
        raise ValueError(f"no consistency proof from {old} to {new}")
    proof: list[bytes] = []
    begin, end, old_is_known = 0, new, True
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            proof.append(_range_hash(middle, end, nodes))
            end = middle
        else:
            proof.append(_range_hash(begin, middle, nodes))
            begin, old_is_known = middle, False
    if not old_is_known:
        proof.append(_range_hash(begin, end, nodes))
    return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Return if the leaf hash `leaf` stands at `index` of the tree of `size` and `root`; raise Damaged otherwise."""
    # Step 1. The leaf lies within the tree, and the hashes are hashes.
    if not 0 <= index < size:
        raise Damaged(f"entry {index} is not in a log of {size}", code="merkle.inclusion")
    _require_hashes(proof, leaf)
    # Step 2. Walk up from the leaf; a node without a right neighbour rises until it is a right child.
    node, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Damaged("the inclusion proof is too long", code="merkle.inclusion")
        if node & 1 or node == last:
            computed = node_hash(sibling, computed)
            while not node & 1 and node != 0:
                node, last = node >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        node, last = node >> 1, last >> 1
    # Step 3. The walk ended at the top, and the top is the root.
    if last != 0 or computed != root:
        raise Damaged("the inclusion proof does not lead to the root", code="merkle.inclusion")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Return if the tree of `new` leaves begins with the tree of `old` leaves; raise Damaged otherwise.

    An `old` of 0 is refused: the empty tree is the beginning of every tree, so that no proof says anything about it.
    """
    # Step 1. The sizes are in order and the hashes are hashes.
    if not 0 < old <= new:
        raise Damaged(f"no consistency proof leads from size {old} to {new}", code="merkle.consistency")
    _require_hashes(proof)
    # Step 2. Equal sizes: equal roots and no proof.
    if old == new:
        if proof or old_root != new_root:
            raise Damaged(f"two different logs of size {old}", code="merkle.consistency")
        return
    # Step 3. A complete old tree is itself the first hash.
    path = [old_root, *proof] if old.bit_count() == 1 else list(proof)
    if not proof:
        raise Damaged("the consistency proof is empty", code="merkle.consistency")
    # Step 4. Start at the right edge of the old tree's last complete subtree.
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_computed = new_computed = path[0]
    # Step 5. Walk up, building both roots from the same hashes.
    for sibling in path[1:]:
        if last == 0:
            raise Damaged("the consistency proof is too long", code="merkle.consistency")
        if node & 1 or node == last:
            old_computed = node_hash(sibling, old_computed)
            new_computed = node_hash(sibling, new_computed)
            while not node & 1 and node != 0:
                node, last = node >> 1, last >> 1
        else:
            new_computed = node_hash(new_computed, sibling)
        node, last = node >> 1, last >> 1
    # Step 6. The walk ended at the top, and both tops are the roots.
    if last != 0 or old_computed != old_root or new_computed != new_root:
        raise Damaged("the consistency proof does not lead to both roots", code="merkle.consistency")


def _split(count: int) -> int:
    """The largest power of two below `count` (2 or more)."""
    return 1 << (count - 1).bit_length() - 1


def _range_hash(begin: int, end: int, nodes: Nodes) -> bytes:
    """MTH(D[begin:end]) where `begin` is a multiple of a power of two that is not below `end - begin`."""
    return _fold(_peaks(begin, end, nodes))


def _peaks(begin: int, end: int, nodes: Nodes) -> list[bytes]:
    peaks = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        peaks.append(nodes(level, begin >> level))
        begin += 1 << level
    return peaks


def _require_hashes(proof: Sequence[bytes], *others: bytes) -> None:
    if len(proof) > MAX_PROOF_HASHES or any(len(value) != HASH_BYTES for value in (*proof, *others)):
        raise Damaged("a proof is made of at most 63 hashes of 32 bytes", code="merkle.proof")
