"""Static files of the log: paths and contents as C2SP's tlog-tiles says, proofs from nothing else."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.audit.tiles import TileReader, TileWriter, decode_bundle, encode_bundle, tile_path, width_of
from nexus.crypto.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_at,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from nexus.kernel.errors import Damaged

BIG = 70_000
LEAVES = [b"%d" % i for i in range(BIG)]
HASHES = [leaf_hash(leaf) for leaf in LEAVES]


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ((0, 0), "tile/0/000"),
        ((0, 273, 112), "tile/0/273.p/112"),
        ((3, 1234067), "tile/3/x001/x234/067"),
        ((1, 1000), "tile/1/x001/000"),
        (("entries", 999, 1), "tile/entries/999.p/1"),
    ],
)
def test_paths_are_those_of_the_specification(arguments, path):
    assert tile_path(*arguments) == path


def files(directory: Path) -> dict[str, int]:
    return {str(p.relative_to(directory)): p.stat().st_size for p in directory.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def seventy_thousand(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("tiles")
    writer = TileWriter(directory)
    writer.append(LEAVES)
    writer.flush()
    writer.sync()
    assert writer.frontier().root() == tree_root(HASHES)
    return directory


def test_a_tree_of_seventy_thousand_has_the_tiles_of_the_specification(seventy_thousand):
    sizes = {path: size for path, size in files(seventy_thousand).items() if "entries" not in path}
    assert sum(path.startswith("tile/0/") and size == 8192 for path, size in sizes.items()) == 273
    assert sizes["tile/0/273.p/112"] == 112 * 32
    assert sizes["tile/1/000"] == 8192
    assert sizes["tile/1/001.p/17"] == 17 * 32
    assert sizes["tile/2/000.p/1"] == 32
    assert len(sizes) == 277


def test_two_hundred_and_fifty_six_entries_make_a_full_tile_and_one_above(tmp_path):
    writer = TileWriter(tmp_path)
    writer.append(LEAVES[:256])
    writer.flush()
    writer.sync()
    assert sorted(files(tmp_path)) == ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]


@given(st.data(), st.integers(1, BIG))
@settings(max_examples=25, deadline=None)
def test_proofs_from_the_tiles_verify(seventy_thousand, data, size):
    """A smaller tree is read from the files of a larger one: full tiles replace partial ones."""
    reader = TileReader(seventy_thousand, BIG)
    root = root_at(size, reader.nodes)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    verify_inclusion(HASHES[index], index, size, inclusion_proof(index, size, reader.nodes), root)
    verify_consistency(old, size, root_at(old, reader.nodes), root, consistency_proof(old, size, reader.nodes))
    whole = root_at(BIG, reader.nodes)
    verify_consistency(size, BIG, root, whole, consistency_proof(size, BIG, reader.nodes))


@given(st.lists(st.integers(1, 400), min_size=1, max_size=8))
@settings(max_examples=15, deadline=None)
def test_a_writer_that_resumes_goes_on_as_if_it_had_not_stopped(tmp_path_factory, steps):
    directory, size = tmp_path_factory.mktemp("tiles"), 0
    writer = TileWriter(directory)
    for step in steps:
        writer.append(LEAVES[size : size + step])
        writer.flush()
        writer.sync()
        size += step
        assert writer.frontier().root() == tree_root(HASHES[:size])
        assert root_at(size, TileReader(directory, size).nodes) == tree_root(HASHES[:size])
        writer = TileWriter.resume(directory, size)


def test_nothing_unfinished_is_left_behind(seventy_thousand):
    assert not list(seventy_thousand.rglob("*.part"))
    assert not list(seventy_thousand.rglob("000.p/2*"))


def test_a_missing_or_short_tile_is_an_error(tmp_path):
    writer = TileWriter(tmp_path)
    writer.append(LEAVES[:20])
    writer.flush()
    writer.sync()
    path = tmp_path / "tile" / "0" / "000.p" / "20"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Damaged):
        TileReader(tmp_path, 20).nodes(0, 3)
    with pytest.raises(Damaged):
        TileReader(tmp_path, 21).nodes(0, 3)
    with pytest.raises(ValueError, match="no tile"):
        width_of(20, 0, 1)


def test_bundles_come_back_and_damaged_ones_do_not():
    bundle = encode_bundle([b"", b"a", b"b" * 300])
    assert bundle[:3] == b"\x00\x00\x00"
    assert decode_bundle(bundle) == [b"", b"a", b"b" * 300]
    for at in (1, 4, len(bundle) - 1):
        with pytest.raises(Damaged):
            decode_bundle(bundle[:at])
