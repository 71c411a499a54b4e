"""The primitives that we build on, as the library in use computes them, against Wycheproof. AP-01."""

import hmac
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from nexus.crypto import wrapping
from nexus.kernel.errors import Damaged

Case = tuple[dict, dict]


@pytest.fixture(scope="module")
def cases(shared_data: Path) -> Callable[[str], Iterator[Case]]:
    """The cases of a file, each with its group."""
    folder = shared_data / "vectors" / "wycheproof"
    if not folder.is_dir():
        pytest.skip("the Wycheproof vectors are not among the sample data (vectors/wycheproof)")

    def read(name: str) -> Iterator[Case]:
        for group in json.loads((folder / f"{name}.json").read_text())["testGroups"]:
            for case in group["tests"]:
                yield group, case

    return read


def field(case: dict, name: str) -> bytes:
    return bytes.fromhex(case[name])


def test_aes_256_gcm(cases):
    """Keys of 256 bits, nonces of 96, tags of 128: all that Nexus uses."""
    valid = invalid = 0
    for group, case in cases("aes_gcm_test"):
        if (group["keySize"], group["ivSize"], group["tagSize"]) != (256, 96, 128):
            continue
        cipher, nonce, aad = AESGCM(field(case, "key")), field(case, "iv"), field(case, "aad")
        sealed = field(case, "ct") + field(case, "tag")
        if case["result"] == "valid":
            assert cipher.decrypt(nonce, sealed, aad) == field(case, "msg"), case["tcId"]
            assert cipher.encrypt(nonce, field(case, "msg"), aad) == sealed, case["tcId"]
            valid += 1
        else:
            with pytest.raises(InvalidTag):
                cipher.decrypt(nonce, sealed, aad)
            invalid += 1
    assert valid > 30
    assert invalid > 10


def test_aes_key_wrap_with_padding(cases):
    valid = invalid = 0
    for _, case in cases("aes_kwp_test"):
        key, message, wrapped = field(case, "key"), field(case, "msg"), field(case, "ct")
        if case["result"] == "invalid":
            with pytest.raises(Damaged):
                wrapping.kwp_unwrap(key, wrapped)
            invalid += 1
        elif case["result"] == "valid":
            assert wrapping.kwp_wrap(key, message) == wrapped, case["tcId"]
            assert wrapping.kwp_unwrap(key, wrapped) == message, case["tcId"]
            valid += 1
    assert valid > 60
    assert invalid > 100


def test_aes_key_wrap(cases):
    for _, case in cases("aes_wrap_test"):
        key, message, wrapped = field(case, "key"), field(case, "msg"), field(case, "ct")
        if case["result"] == "invalid":
            with pytest.raises((InvalidUnwrap, ValueError)):
                aes_key_unwrap(key, wrapped)
        elif case["result"] == "valid":
            assert aes_key_wrap(key, message) == wrapped, case["tcId"]
            assert aes_key_unwrap(key, wrapped) == message, case["tcId"]


@pytest.mark.parametrize(("name", "algorithm"), [("sha256", hashes.SHA256()), ("sha384", hashes.SHA384())])
def test_hkdf_and_the_expansion_that_floe_writes_out(cases, name, algorithm):
    """FLOE's keys are the first block of HKDF-Expand; here that formula stands against whole vectors."""
    blocks = 0
    for _, case in cases(f"hkdf_{name}_test"):
        if case["result"] == "invalid":
            with pytest.raises(ValueError, match=r"larger|long|length"):
                HKDF(algorithm, case["size"], field(case, "salt"), field(case, "info"))
            continue
        derived = HKDF(algorithm, case["size"], field(case, "salt"), field(case, "info")).derive(field(case, "ikm"))
        assert derived == field(case, "okm"), case["tcId"]
        if case["size"] <= algorithm.digest_size:
            extracted = hmac.digest(field(case, "salt") or bytes(algorithm.digest_size), field(case, "ikm"), name)
            expanded = hmac.digest(extracted, field(case, "info") + b"\x01", name)
            assert expanded[: case["size"]] == field(case, "okm"), case["tcId"]
            blocks += 1
    assert blocks > 10


def test_hmac_sha_256(cases):
    for group, case in cases("hmac_sha256_test"):
        computed = hmac.digest(field(case, "key"), field(case, "msg"), "sha256")[: group["tagSize"] // 8]
        assert hmac.compare_digest(computed, field(case, "tag")) == (case["result"] == "valid"), case["tcId"]
