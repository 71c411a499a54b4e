"""FLOE opens what it sealed, at any place, and nothing else. AP-01 (AES-256 at rest)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.crypto import floe
from nexus.kernel.errors import Damaged

KEY, AAD = bytes(range(32)), b"nexus known answer"
SMALL = floe.Parameters(64)
"""32 bytes of plaintext in each segment: many segments in little time."""

KNOWN = bytes.fromhex(
    "000000000040000000206d28e3157bae63ecbdf8df46d30a4a95de3f149c459958e23d6902b4d47fc8f466413ab7009d9a854383fda8b8"
    "c94cf1583f412f232ca756d91dee51c66077d1ffffffff87e2d17d4a33a7d56094e5a5472f015b31eb973889a24d2836b29a31bfa23b46"
    "1126b6fe80b1645b95154b114c03c57e1e80a3fcc194372106a97ee1ffffffff16b0ea55f2e59869a0e07d0b9f3e90b7109241daa2f75d"
    "f3eb86021e1a316d7c3710e57986687c6607fd7352f24fcd5d55c141b4207db4d307a9e7c8000000262e17e215cb9f78931201ac71c710"
    "287a7cb20c98e5c7cafa2442ed4539a5951f9e0a"
)
"""`bytes(range(70))`, sealed once by this project: formats stay readable."""


def segments(sealed: bytes, parameters: floe.Parameters = SMALL) -> list[bytes]:
    """The segments of a message, without its header."""
    size = parameters.segment_bytes
    return [sealed[at : at + size] for at in range(floe.HEADER_BYTES, len(sealed), size)]


def opener(sealed: bytes, key: bytes = KEY, aad: bytes = AAD) -> floe.Opener:
    return floe.Opener(key, aad, sealed[: floe.HEADER_BYTES], len(sealed), SMALL)


def test_what_was_sealed_long_ago_still_opens():
    assert floe.open_all(KEY, AAD, KNOWN, SMALL) == bytes(range(70))


@given(st.binary(max_size=400), st.integers(33, 200))
def test_every_length_opens_to_what_was_sealed(plaintext, segment_bytes):
    parameters = floe.Parameters(segment_bytes)
    sealed = floe.seal(KEY, AAD, plaintext, parameters)
    assert len(sealed) == parameters.sealed_length(len(plaintext))
    assert parameters.plain_length(len(sealed)) == len(plaintext)
    assert floe.open_all(KEY, AAD, sealed, parameters) == plaintext


@given(st.binary(min_size=1, max_size=300), st.data())
def test_any_segment_opens_by_itself(plaintext, data):
    sealed = floe.seal(KEY, AAD, plaintext, SMALL)
    reader = opener(sealed)
    position = data.draw(st.integers(0, reader.last))
    segment = segments(sealed)[position]
    expected = plaintext[position * 32 : (position + 1) * 32]
    out = bytearray(len(expected))
    reader.open_into(position, segment, memoryview(out))
    assert reader.open(position, segment) == expected == bytes(out)


@settings(max_examples=60)
@given(st.binary(max_size=130), st.data())
def test_no_altered_bit_opens(plaintext, data):
    sealed = bytearray(floe.seal(KEY, AAD, plaintext, SMALL))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Damaged):
        floe.open_all(KEY, AAD, bytes(sealed), SMALL)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 64, 100])
def test_a_message_that_was_cut_or_extended_does_not_open(size):
    sealed = floe.seal(KEY, AAD, bytes(size), SMALL)
    for length in range(len(sealed)):
        with pytest.raises(Damaged):
            floe.open_all(KEY, AAD, sealed[:length], SMALL)
    for tail in (b"\0", bytes(32), segments(sealed)[-1], segments(KNOWN)[0]):
        with pytest.raises(Damaged):
            floe.open_all(KEY, AAD, sealed + tail, SMALL)


def test_segments_open_only_where_they_were_sealed():
    sealed, other = (floe.seal(KEY, AAD, bytes(range(128)), SMALL) for _ in range(2))
    reader, pieces, foreign = opener(sealed), segments(sealed), segments(other)
    for position in range(4):
        for piece in [*pieces[:position], *pieces[position + 1 :], *foreign]:
            with pytest.raises(Damaged):
                reader.open(position, piece)


def test_a_message_opens_only_under_its_key_and_associated_data():
    for key, aad in ((bytes(32), AAD), (KEY, b""), (KEY, AAD + b"\0")):
        with pytest.raises(Damaged):
            floe.open_all(key, aad, KNOWN, SMALL)
    with pytest.raises(Damaged):
        floe.open_all(KEY, AAD, KNOWN, floe.Parameters(65))


def test_equal_plaintexts_seal_differently():
    assert len({floe.seal(KEY, AAD, b"equal", SMALL) for _ in range(100)}) == 100


@pytest.mark.parametrize("rotation_bits", [0, 1, 2])
def test_keys_rotate_without_a_seam(rotation_bits):
    parameters = floe.Parameters(40, rotation_bits)
    plaintext = bytes(range(8 * 9 + 3))
    sealed = floe.seal(KEY, AAD, plaintext, parameters)
    assert floe.open_all(KEY, AAD, sealed, parameters) == plaintext
    with pytest.raises(Damaged):
        floe.open_all(KEY, AAD, sealed, floe.Parameters(40))


def test_a_sealer_keeps_to_full_segments_and_one_end():
    sealer = floe.Sealer(KEY, AAD, SMALL)
    for wrong in (b"", bytes(31), bytes(33)):
        with pytest.raises(ValueError, match="full"):
            sealer.seal(wrong)
    with pytest.raises(ValueError, match="no more"):
        sealer.seal_last(bytes(33))
    sealer.seal(bytes(32))
    sealer.seal_last(b"")
    for again in (lambda: sealer.seal(bytes(32)), lambda: sealer.seal_last(b"")):
        with pytest.raises(ValueError, match="complete"):
            again()


def test_keys_and_parameters_out_of_range_are_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        floe.Sealer(bytes(16), AAD, SMALL)
    for length in (0, 32, 1 << 32):
        with pytest.raises(ValueError, match="range"):
            floe.Parameters(length)
    for position in (-1, 3):
        with pytest.raises(ValueError, match="no such segment"):
            opener(KNOWN).open(position, segments(KNOWN)[0])


@given(st.binary(min_size=1, max_size=300), st.data())
def test_a_run_of_segments_opens_to_their_plaintext(plaintext, data):
    sealed = floe.seal(KEY, AAD, plaintext, SMALL)
    reader = opener(sealed)
    position = data.draw(st.integers(0, reader.last))
    count = data.draw(st.integers(1, reader.last - position + 1))
    offset, length = reader.extent(position, count)
    opened = reader.open_run(position, count, memoryview(sealed)[offset : offset + length])
    assert opened == plaintext[position * 32 : (position + count) * 32]


@settings(max_examples=200)
@given(st.binary(min_size=70, max_size=300), st.data())
def test_a_run_that_was_changed_or_cut_or_is_another_does_not_open(plaintext, data):
    sealed = floe.seal(KEY, AAD, plaintext, SMALL)
    reader = opener(sealed)
    position = data.draw(st.integers(0, reader.last))
    count = data.draw(st.integers(1, reader.last - position + 1))
    offset, length = reader.extent(position, count)
    run = bytearray(sealed[offset : offset + length])
    match data.draw(st.sampled_from(["changed", "cut", "longer"])):
        case "changed":
            run[data.draw(st.integers(0, length - 1))] ^= 1 << data.draw(st.integers(0, 7))
        case "cut":
            del run[data.draw(st.integers(0, length - 1)) :]
        case "longer":
            run = run[: -1 - (length - 1) % 64] + run[-64:]
    if run != sealed[offset : offset + length]:
        with pytest.raises(Damaged):
            reader.open_run(position, count, memoryview(bytes(run)))
