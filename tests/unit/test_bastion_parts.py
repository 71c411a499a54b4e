"""The parts of the bastion that need no network: certificates, admission, transcripts, chunks."""

import json
import shutil
import subprocess
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from nexus.bastion import certificates, chunks, rules
from nexus.bastion.admission import Admission
from nexus.bastion.certificates import PERMIT_PTY, SOURCE_ADDRESS, USER, Certificate
from nexus.bastion.issuing import public_line
from nexus.bastion.rules import Attempt
from nexus.bastion.transcript import HIDDEN, Transcript
from nexus.kernel.errors import Damaged, Denied, Invalid

AUTHORITY = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
PERSON, SIGN_IN = "per_01m8ehxm93edc8m3nadnq3aevr", "ses_01m8ehxm93edc8m3nadnq3aevr"
USER_KEY = public_line(Ed25519PrivateKey.from_private_bytes(b"u" * 32).public_key().public_bytes_raw())


def certificate() -> Certificate:
    return Certificate(
        key=certificates.parse_public_key(USER_KEY),
        serial=2**64 - 1,
        kind=USER,
        key_id=rules.key_id(PERSON, SIGN_IN),
        principals=("olga",),
        valid_after=1_800_000_000,
        valid_before=1_800_000_330,
        options=((SOURCE_ADDRESS, certificates.source_address("2001:db8::7")),),
        extensions=((PERMIT_PTY, b""),),
        authority=AUTHORITY.public_key().public_bytes_raw(),
    )


def signed(made: Certificate) -> bytes:
    tbs = certificates.to_be_signed(made, b"n" * 32)
    return certificates.signed(tbs, AUTHORITY.sign(tbs))


def test_a_certificate_reads_back_as_it_was_made():
    assert certificates.open_certificate(signed(certificate())) == certificate()


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH's tools are not installed (openssh-client)")
def test_openssh_reads_our_certificate_as_we_mean_it(tmp_path):
    (tmp_path / "x-cert.pub").write_text(certificates.line_of(signed(certificate()), "olga@nexus") + "\n")
    command = ["ssh-keygen", "-L", "-f", str(tmp_path / "x-cert.pub")]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, env={"TZ": "UTC"}).stdout
    words = " ".join(shown.split())
    assert "ssh-ed25519-cert-v01@openssh.com user certificate" in words
    assert f'Key ID: "nexus:{PERSON}:{SIGN_IN}" Serial: 18446744073709551615' in words
    assert "Valid: from 2027-01-15T08:00:00 to 2027-01-15T08:05:30" in words
    assert "Principals: olga Critical Options: source-address 2001:db8::7 Extensions: permit-pty" in words
    assert "Signing CA: ED25519" in words


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_certificate_with_any_other_byte_is_none(at, change):
    content = bytearray(signed(certificate()))
    content[at % len(content)] ^= change
    with pytest.raises(Invalid):
        certificates.open_certificate(bytes(content))


@given(st.binary(max_size=600))
def test_any_bytes_are_refused_and_nothing_worse(content):
    with pytest.raises(Invalid):
        certificates.open_certificate(content)


@given(st.text(max_size=200))
def test_any_line_is_a_key_or_refused(line):
    try:
        certificates.parse_public_key(line)
    except Invalid:
        return
    raise AssertionError(line)


def test_a_certificate_of_a_host_is_no_users():
    attempt = Attempt("olga", "2001:db8::7", 1_800_000_000)
    ours = frozenset({certificate().authority})
    assert rules.judge(certificate(), attempt, ours).holder.person == PERSON
    with pytest.raises(Denied, match="not valid") as refused:
        rules.judge(replace(certificate(), kind=2), attempt, ours)
    assert refused.value.code == "bastion.certificate-kind"


@pytest.mark.parametrize(
    ("given_", "plain"),
    [("127.0.0.1", "127.0.0.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("fe80::1%eth0", "fe80::1"), ("::1", "::1")],
)
def test_an_address_has_one_spelling(given_, plain):
    assert rules.plain_address(given_) == plain


@pytest.mark.parametrize("command", ["scp -t .", "/usr/bin/scp -f x", "rsync --server", "/usr/lib/openssh/sftp-server"])
def test_the_far_side_of_a_copy_is_known(command):
    assert rules.copies_files(command)
    assert not rules.copies_files("echo " + command)


def test_an_address_that_knocks_too_often_waits_and_others_do_not():
    door = Admission(at_once=100, of_address=50, per_minute=3)
    assert [door.admit("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert door.admit("b", 0.0)
    assert not door.admit("a", 10.0)
    assert door.admit("a", 21.0)


def test_so_many_at_once_and_no_more():
    door = Admission(at_once=3, of_address=2, per_minute=100)
    assert [door.admit(address, 0.0) for address in "aaabcc"] == [True, True, False, True, False, False]
    door.leave("a")
    assert door.admit("b", 0.0)


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=20))
def test_a_transcript_is_json_whatever_the_terminal_shows(pieces):
    made = Transcript(0.0)
    lines = made.header(80, 24, timestamp=0) + b"".join(made.output(piece, 1.0) for piece in pieces)
    events = [json.loads(line) for line in lines.splitlines()[1:]]
    whole = b"".join(pieces)
    shown = "".join(data for _, code, data in events if code == "o")
    if all(code == "o" for _, code, _ in events):
        assert whole.decode("utf-8", "ignore").startswith(shown)
    else:
        assert "\ufffd" in shown


def test_what_is_hidden_is_said_once_and_not_how_long_it_was():
    made = Transcript(0.0)
    typed = made.typed(b"s", 0.1, hidden=True) + made.typed(b"ecret\n", 0.2, hidden=True)
    assert json.loads(typed)[1:] == ["i", HIDDEN]


def test_a_chunk_opens_in_its_own_place_only():
    sealed = chunks.seal(b"k" * 32, "bas_1", 4, b"line\n")
    assert chunks.open_chunk(b"k" * 32, "bas_1", 4, sealed) == b"line\n"
    for session, number in (("bas_1", 5), ("bas_2", 4)):
        with pytest.raises(Damaged):
            chunks.open_chunk(b"k" * 32, session, number, sealed)


def test_the_longest_chunk_fits():
    sealed = chunks.seal(b"k" * 32, "bas_1", 0, b"x" * 65_536)
    assert len(sealed) <= chunks.MAX_SEALED_BYTES
    assert len(chunks.open_chunk(b"k" * 32, "bas_1", 0, sealed)) == 65_536
