"""FLOE against messages that other implementations sealed (C++, Go, Java, Rust), where they are at hand. AP-01."""

from pathlib import Path

import pytest

from nexus.crypto import floe
from nexus.kernel.errors import Damaged

KEY, AAD = bytes(32), b"This is AAD"
"""Of all the public vectors."""
ROTATION_BITS = 2
"""Of those that are called `rotation`: a new key every fourth segment."""


@pytest.fixture(scope="module")
def messages(shared_data: Path) -> dict[str, tuple[bytes, bytes, floe.Parameters]]:
    """Name -> (sealed, plaintext, parameters)."""
    folder = shared_data / "vectors" / "floe"
    found = {}
    for path in sorted(folder.glob("*_ct.txt")):
        name = path.name.removesuffix("_ct.txt")
        sealed = bytes.fromhex(path.read_text().strip())
        plaintext = bytes.fromhex((folder / f"{name}_pt.txt").read_text().strip())
        bits = ROTATION_BITS if "rotation" in name else floe.ROTATION_BITS
        found[name] = (sealed, plaintext, floe.Parameters(int.from_bytes(sealed[2:6], "big"), bits))
    if not found:
        pytest.skip("the public FLOE vectors are not among the sample data (vectors/floe)")
    return found


def test_every_message_opens_to_its_plaintext(messages):
    wrong = [name for name, (sealed, plain, how) in messages.items() if floe.open_all(KEY, AAD, sealed, how) != plain]
    assert wrong == []
    assert len(messages) == 17


def test_every_segment_opens_by_itself_from_the_last_to_the_first(messages):
    for name, (sealed, plaintext, how) in messages.items():
        opener = floe.Opener(KEY, AAD, sealed[: floe.HEADER_BYTES], len(sealed), how)
        pieces = [
            opener.open(position, sealed[at : at + how.segment_bytes])
            for position in range(opener.last, -1, -1)
            for at in [floe.HEADER_BYTES + position * how.segment_bytes]
        ]
        assert b"".join(reversed(pieces)) == plaintext, name


def test_both_spellings_of_the_end_open(messages):
    """A last segment may be full, or empty behind full ones; Nexus writes the first and reads both."""
    full, empty = messages["java_lastSegAligned"], messages["java_lastSegEmpty"]
    assert len(full[1]) == len(empty[1])
    assert len(empty[0]) - len(full[0]) == floe.SEGMENT_OVERHEAD_BYTES
    assert full[2].sealed_length(len(full[1])) == len(full[0])


def test_no_message_opens_with_a_bit_changed_in_any_byte(messages):
    for name in ("go_GCM256_IV256_64", "rust_rotation", "java_lastSegEmpty"):
        sealed, _, how = messages[name]
        for at in range(len(sealed)):
            altered = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
            with pytest.raises(Damaged):
                floe.open_all(KEY, AAD, altered, how)
