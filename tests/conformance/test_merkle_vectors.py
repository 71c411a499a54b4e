"""Known answers: some in this file, and the public vectors of transparency-dev/merkle where they are at hand."""

import json
import os
from base64 import b64decode
from pathlib import Path

import pytest

from nexus.crypto.merkle import leaf_hash, tree_root, verify_consistency, verify_inclusion
from nexus.kernel.errors import Damaged

DATA = Path(os.environ.get("NEXUS_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
VECTORS = DATA / "vectors" / "merkle" / "testdata"

# The eight entries that RFC 6962 implementations have tested with since Certificate Transparency began.
INPUTS = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_that_every_implementation_knows(size):
    leaves = [leaf_hash(bytes.fromhex(text)) for text in INPUTS[:size]]
    assert tree_root(leaves).hex() == ROOTS[size]


def vectors(kind: str) -> list[Path]:
    return sorted((VECTORS / kind).rglob("*.json"))


def hashes(case: dict) -> list[bytes]:
    return [b64decode(value) for value in case["proof"] or []]


def run(kind: str, verify) -> None:
    if not VECTORS.is_dir():
        pytest.skip("the public Merkle vectors are not beside this checkout (shared/data/vectors/merkle)")
    wrong, accepted = [], 0
    for path in vectors(kind):
        case = json.loads(path.read_text())
        try:
            verify(case)
        except Damaged:
            refused = True
        else:
            refused, accepted = False, accepted + 1
        if refused != case["wantErr"]:
            wrong.append((path.relative_to(VECTORS), case["desc"]))
    assert wrong == []
    assert accepted >= 6, "hardly anything verified: the vectors were not read"


def test_public_inclusion_vectors():
    run(
        "inclusion",
        lambda case: verify_inclusion(
            b64decode(case["leafHash"]), case["leafIdx"], case["treeSize"], hashes(case), b64decode(case["root"])
        ),
    )


def test_public_consistency_vectors():
    run(
        "consistency",
        lambda case: verify_consistency(
            case["size1"], case["size2"], b64decode(case["root1"]), b64decode(case["root2"]), hashes(case)
        ),
    )
