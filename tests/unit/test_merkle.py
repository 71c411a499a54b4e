"""The Merkle tree agrees with RFC 6962's definitions, and nothing but the truth verifies."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.crypto.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_at,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from nexus.kernel.errors import Damaged
from simulators import independent_log as rfc

LIMIT = 300
ENTRIES = [b"entry %d" % i for i in range(LIMIT)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


@cache
def nodes(level: int, index: int) -> bytes:
    if level == 0:
        return LEAVES[index]
    return node_hash(nodes(level - 1, 2 * index), nodes(level - 1, 2 * index + 1))


@cache
def root(size: int) -> bytes:
    return rfc.merkle_tree_hash(ENTRIES[:size])


sizes = st.integers(1, LIMIT)


def test_the_empty_tree_has_the_hash_of_nothing():
    assert tree_root([]) == EMPTY_ROOT == rfc.merkle_tree_hash([]) == root_at(0, nodes)


@given(sizes)
@settings(max_examples=60)
def test_the_root_is_that_of_the_definition_however_it_is_computed(size):
    assert tree_root(LEAVES[:size]) == root(size) == root_at(size, nodes) == frontier_at(size, nodes).root()


@given(st.lists(st.integers(0, 40), max_size=12))
@settings(max_examples=40)
def test_a_frontier_survives_storage_after_every_batch(batches):
    frontier, size = Frontier(), 0
    for batch in batches:
        frontier.extend(LEAVES[size : min(LIMIT, size + batch)])
        size = frontier.size
        frontier = Frontier.decode(frontier.size, frontier.encode())
        assert (frontier.size, frontier.root()) == (size, root(size))


@pytest.mark.parametrize(("size", "data"), [(1, b""), (0, bytes(32)), (3, bytes(32)), (1, bytes(31))])
def test_a_frontier_that_does_not_fit_its_size_is_refused(size, data):
    with pytest.raises(Damaged):
        Frontier.decode(size, data)


@given(st.data(), sizes)
@settings(max_examples=80)
def test_every_inclusion_proof_is_the_rfcs_and_verifies(data, size):
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, nodes)
    assert proof == rfc.audit_path(index, ENTRIES[:size])
    verify_inclusion(LEAVES[index], index, size, proof, root(size))


@given(st.data(), sizes)
@settings(max_examples=80)
def test_every_consistency_proof_is_the_rfcs_and_verifies(data, new):
    old = data.draw(st.integers(1, new))
    proof = consistency_proof(old, new, nodes)
    assert proof == rfc.consistency_path(old, ENTRIES[:new])
    verify_consistency(old, new, root(old), root(new), proof)


def mutate(draw, proof: list[bytes]) -> list[bytes]:
    """Another proof: a bit flipped, a hash lost, doubled, added or moved."""
    kinds = ["add"] + (["flip", "drop", "double"] if proof else []) + (["swap"] if len(set(proof)) > 1 else [])
    kind = draw(st.sampled_from(kinds))
    changed = list(proof)
    at = draw(st.integers(0, max(0, len(proof) - 1)))
    if kind == "add":
        changed.insert(draw(st.integers(0, len(proof))), bytes(32))
    elif kind == "flip":
        bit = draw(st.integers(0, 255))
        changed[at] = (int.from_bytes(changed[at], "big") ^ 1 << bit).to_bytes(32, "big")
    elif kind == "drop":
        del changed[at]
    elif kind == "double":
        changed.insert(at, changed[at])
    else:
        changed = changed[1:] + changed[:1] if changed[1:] + changed[:1] != changed else changed[::-1]
    return changed


@given(st.data(), sizes)
@settings(max_examples=150)
def test_no_mutated_inclusion_proof_verifies(data, size):
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, nodes)
    with pytest.raises(Damaged):
        verify_inclusion(LEAVES[index], index, size, mutate(data.draw, proof), root(size))
    with pytest.raises(Damaged):
        verify_inclusion(leaf_hash(b"another"), index, size, proof, root(size))
    with pytest.raises(Damaged):
        verify_inclusion(LEAVES[index], index, size, proof, leaf_hash(b"another"))


@given(st.data(), st.integers(2, LIMIT))
@settings(max_examples=150)
def test_an_inclusion_proof_holds_for_no_other_index(data, size):
    index, other = data.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True))
    with pytest.raises(Damaged):
        verify_inclusion(LEAVES[index], other, size, inclusion_proof(index, size, nodes), root(size))


@given(st.data(), sizes)
@settings(max_examples=150)
def test_no_mutated_consistency_proof_verifies(data, new):
    old = data.draw(st.integers(1, new))
    proof = consistency_proof(old, new, nodes)
    with pytest.raises(Damaged):
        verify_consistency(old, new, root(old), root(new), mutate(data.draw, proof))
    with pytest.raises(Damaged):
        verify_consistency(old, new, leaf_hash(b"another"), root(new), proof)
    with pytest.raises(Damaged):
        verify_consistency(old, new, root(old), leaf_hash(b"another"), proof)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 5), (5, 4), (-1, 3)])
def test_nothing_is_proved_about_the_empty_tree_or_a_shrinking_one(old, new):
    with pytest.raises(Damaged):
        verify_consistency(old, new, EMPTY_ROOT, EMPTY_ROOT, [])
    with pytest.raises(ValueError, match="no consistency proof"):
        consistency_proof(old, new, nodes)


def test_a_proof_of_wrong_hashes_or_without_end_is_refused():
    for proof in ([b"short"], [bytes(32)] * 64):
        with pytest.raises(Damaged):
            verify_inclusion(LEAVES[0], 0, 2, proof, root(2))
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(3, 3, nodes)
    with pytest.raises(Damaged):
        verify_inclusion(LEAVES[0], 3, 3, [], root(3))
