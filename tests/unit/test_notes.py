"""Signed notes, checkpoints and cosignatures are C2SP's, to the byte."""

import struct
from base64 import b64decode, b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.crypto.merkle import EMPTY_ROOT
from nexus.crypto.notes import (
    Checkpoint,
    Note,
    NoteSignature,
    SignatureType,
    VerifierKey,
    encode_signature,
    message_to_sign,
    parse_size,
    verify_note,
)
from nexus.kernel.errors import Damaged, Invalid
from simulators import independent_log as c2sp
from simulators.signers import LocalSigner, log_signers, signed

# The example of the signed-note specification.
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# The example of the tlog-checkpoint specification.
CHECKPOINT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


def test_the_example_of_the_specification_verifies():
    key = VerifierKey.parse(VKEY)
    assert str(key) == VKEY
    assert verify_note(Note.parse(NOTE), [key]) == {key: 0}
    assert str(Note.parse(NOTE)) == NOTE


def test_an_altered_note_is_rejected_as_a_whole():
    with pytest.raises(Damaged):
        verify_note(Note.parse(NOTE.replace("example message", "example massage")), [VerifierKey.parse(VKEY)])


def test_a_note_by_an_unknown_key_verifies_nothing():
    assert verify_note(Note.parse(NOTE), [LocalSigner("example.com/foo").key]) == {}


def test_the_example_checkpoint_is_read_and_written_unchanged():
    checkpoint = Checkpoint.parse(CHECKPOINT)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert str(checkpoint) == CHECKPOINT


def test_extension_lines_are_kept_and_signed_by_ed25519_only():
    longer = CHECKPOINT + "more\n"
    assert str(Checkpoint.parse(longer)) == longer
    ed25519, mldsa = (
        LocalSigner("w", type_).key for type_ in (SignatureType.ED25519_COSIGNATURE, SignatureType.MLDSA44)
    )
    assert message_to_sign(ed25519, longer, 1) != message_to_sign(ed25519, CHECKPOINT, 1)
    assert message_to_sign(mldsa, longer, 1) == message_to_sign(mldsa, CHECKPOINT, 1)


def test_an_ed25519_cosignature_signs_the_specified_lines():
    key = LocalSigner("witness.example/w1", SignatureType.ED25519_COSIGNATURE).key
    assert message_to_sign(key, CHECKPOINT, 1679315147).decode() == "cosignature/v1\ntime 1679315147\n" + CHECKPOINT


def test_an_mldsa_cosignature_signs_the_specified_structure():
    key = LocalSigner("w1", SignatureType.MLDSA44).key
    assert message_to_sign(key, "log\n7\n" + b64encode(EMPTY_ROOT).decode() + "\n", 258) == (
        b"subtree/v1\n\x00"
        + b"\x02w1"
        + bytes(6)
        + b"\x01\x02"
        + b"\x03log"
        + bytes(8)
        + bytes(7)
        + b"\x07"
        + EMPTY_ROOT
    )


@pytest.mark.parametrize("type_", SignatureType)
def test_every_signature_type_verifies_here_and_by_independent_code(type_):
    signer = LocalSigner("log.example", type_)
    time = 1_700_000_000 if type_.timestamped else 0
    note = Note(CHECKPOINT, (signer.line(CHECKPOINT, time),))
    assert verify_note(Note.parse(str(note)), [signer.key]) == {signer.key: time}
    assert c2sp.signature_time(str(signer.key), str(note)) == time


@given(st.sampled_from(list(SignatureType)), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_a_flipped_bit_anywhere_in_a_signature_is_noticed(type_, seed):
    signer = _SIGNERS[type_]
    blob = bytearray(_LINES[type_].signature)
    bit = seed % (len(blob) * 8)
    blob[bit // 8] ^= 1 << bit % 8
    line = NoteSignature(signer.key.name, signer.key.id, bytes(blob))
    with pytest.raises(Damaged):
        verify_note(Note(CHECKPOINT, (line,)), [signer.key])


_SIGNERS = {type_: LocalSigner("log.example", type_) for type_ in SignatureType}
_LINES = {type_: signer.line(CHECKPOINT, 77 if type_.timestamped else 0) for type_, signer in _SIGNERS.items()}


def test_one_bad_line_of_a_known_key_spoils_the_good_one():
    signer = LocalSigner("log.example")
    good = signer.line(CHECKPOINT)
    bad = NoteSignature(good.name, good.key_id, bytes(64))
    with pytest.raises(Damaged):
        verify_note(Note(CHECKPOINT, (good, bad)), [signer.key])


def test_a_cosignature_for_another_time_does_not_verify():
    signer = _SIGNERS[SignatureType.MLDSA44]
    raw = _LINES[SignatureType.MLDSA44].signature[8:]
    forged = encode_signature(signer.key, raw, 78)
    with pytest.raises(Damaged):
        verify_note(Note(CHECKPOINT, (forged,)), [signer.key])


def test_a_signature_without_room_for_its_time_is_bad_and_not_a_crash():
    signer = _SIGNERS[SignatureType.MLDSA44]
    for blob in (b"1", struct.pack(">Q", 2**63) + bytes(2420), bytes(2427)):
        with pytest.raises(Damaged):
            verify_note(Note(CHECKPOINT, (NoteSignature(signer.key.name, signer.key.id, blob),)), [signer.key])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no signatures\n",
        "text\n\n",
        "text\n\n— name AAAA\n",  # no longer than a key id
        "text\n\n- name " + "A" * 16 + "\n",  # a hyphen is no dash
        "text\n\n—  " + "A" * 16 + "\n",
        "text\n\n— na+me " + "A" * 16 + "\n",
        "text\n\n— name " + "A" * 15 + "\n",
        "text\n\n— name " + "A" * 14 + "B=\n",  # bits that are not zero
        "text\n\n— name " + "A" * 16,  # no newline at the end
        "te\tx\n\n— name " + "A" * 16 + "\n",
        "te\rx\n\n— name " + "A" * 16 + "\n",
        "text\n\n" + ("— name " + "A" * 16 + "\n") * 33,
        "text" * 40_000 + "\n\n— name " + "A" * 16 + "\n",
        b"\xff\n\n" + "— name ".encode() + b"A" * 16 + b"\n",
        "\ud800\n\n— name " + "A" * 16 + "\n",
    ],
)
def test_what_is_no_note_is_refused(text):
    with pytest.raises(Invalid):
        Note.parse(text)


def test_sixteen_post_quantum_signatures_fit_into_a_note():
    signers = [LocalSigner(f"w{i}", SignatureType.MLDSA44) for i in range(16)]
    note = Note.parse(str(signed(CHECKPOINT, signers)))
    assert len(verify_note(note, [signer.key for signer in signers])) == 16


@pytest.mark.parametrize(
    "text",
    [
        "origin\n1\n",
        "origin\n1\nAAAA\n",
        CHECKPOINT.replace("20852163", "020852163"),
        CHECKPOINT.replace("20852163", "-1"),
        CHECKPOINT.replace("20852163", str(2**63)),
        CHECKPOINT.replace("20852163", "9" * 5000),
        CHECKPOINT.replace("20852163", "²"),
        CHECKPOINT + "\n",
        "\n" + CHECKPOINT,
        "x" * 256 + CHECKPOINT,
        CHECKPOINT.removesuffix("\n"),
    ],
)
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(Invalid):
        Checkpoint.parse(text)


@pytest.mark.parametrize("text", ["", "+", "a+b", VKEY + "A", VKEY.replace("530d903a", "530d903b"), "a+00000000+CAAA"])
def test_what_is_no_verifier_key_is_refused(text):
    with pytest.raises(Invalid):
        VerifierKey.parse(text)


def test_a_key_has_another_id_under_another_name_or_type():
    public = b64decode(VKEY.split("+", 2)[2])[1:]
    ids = {
        VerifierKey(name, type_, public).id
        for name in ("a", "b")
        for type_ in (SignatureType.ED25519, SignatureType.ED25519_COSIGNATURE)
    }
    assert len(ids) == 4


def test_signatures_are_added_once():
    signers = log_signers()
    note = signed(CHECKPOINT, signers)
    assert note.signed_by(*note.signatures) == note
    more = LocalSigner("w", SignatureType.ED25519_COSIGNATURE).line(CHECKPOINT, 5)
    assert note.signed_by(more, more).signatures == (*note.signatures, more)


def test_sizes_are_plain_decimals():
    assert parse_size("0") == 0
    assert parse_size(str(2**63 - 1)) == 2**63 - 1
    for text in ("", "00", "01", "+1", "1 ", "١"):
        with pytest.raises(Invalid):
            parse_size(text)
