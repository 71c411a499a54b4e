"""Passwords, one-time codes, tokens, sealed credentials."""

import asyncio
import unicodedata

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.iam import passwords, tokens, totp
from nexus.iam.passwords import Cost, Passwords, check_password
from nexus.iam.sealing import Sealing
from nexus.kernel.clock import SECOND, Instant
from nexus.kernel.errors import Damaged, Invalid, Throttled
from nexus.kernel.secret import Secret

CHEAP = Cost(memory_kib=8, passes=1, lanes=1)


def secret(text: str) -> Secret:
    return Secret(text.encode())


# Passwords


@pytest.fixture
def pool():
    pool = Passwords(CHEAP)
    yield pool
    pool.close()


async def test_a_password_verifies_against_its_hash_only(pool):
    stored = await pool.hash(secret("correct horse battery"))
    assert stored.startswith("$argon2id$")
    assert await pool.verify(stored, secret("correct horse battery"))
    assert not await pool.verify(stored, secret("correct horse batterz"))


async def test_without_a_stored_hash_nothing_verifies(pool):
    assert not await pool.verify(None, secret("anything at all"))


def test_the_hash_that_nobody_has_costs_what_a_real_one_costs():
    hasher = PasswordHasher(CHEAP.passes, CHEAP.memory_kib, CHEAP.lanes)
    nobodys = passwords._nobodys_hash(CHEAP)
    assert not hasher.check_needs_rehash(nobodys)
    with pytest.raises(VerifyMismatchError):  # computed and compared, not refused for its form
        hasher.verify(nobodys, "anything")


async def test_a_damaged_hash_verifies_nothing(pool):
    assert not await pool.verify("$argon2id$damaged", secret("anything at all"))


async def test_the_same_characters_verify_however_they_were_composed(pool):
    stored = await pool.hash(secret(unicodedata.normalize("NFC", "médecin de garde 9")))
    assert await pool.verify(stored, secret(unicodedata.normalize("NFD", "médecin de garde 9")))


async def test_a_flood_of_sign_ins_is_told_to_come_back(pool):
    attempts = [pool.verify(None, secret("x")) for _ in range(passwords.MAX_WAITING + 20)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(outcome, Throttled) for outcome in outcomes) == 20


def test_the_default_cost_is_that_of_the_recommendation():
    assert Cost() == Cost(memory_kib=65_536, passes=3, lanes=4)


@pytest.mark.parametrize(
    "weak",
    [
        "short",
        "elevenchars",
        "ada.martin-2026!",
        "aaaaaaaaaaaaaaaa",
        "121212121212121212",
        "Password123456",
        "P@ssw0rdP@ssw0rd",
        "motdepasse2026!",
        "azertyuiop123",
        "AZERTYUIOP!!!!",
        "1234567890123",
        "bienvenue-2026",
        "x" * 257,
    ],
)
def test_passwords_that_are_tried_first_are_refused(weak):
    with pytest.raises(Invalid) as refused:
        check_password(secret(weak), "ada.martin")
    assert weak not in refused.value.message + refused.value.hint


@pytest.mark.parametrize(
    "good",
    [
        "correct horse battery",
        "quatre mots pris au hasard",
        "gT7#kd9!mQ2z",
        "pavillon-12-crocus",
        "Çà et là, 7 ocelots",
    ],
)
def test_passwords_that_are_hard_to_guess_are_taken(good):
    check_password(secret(good), "ada.martin")


# One-time codes

RFC_SECRET = Secret(b"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")  # "12345678901234567890" of RFC 6238, appendix B


@pytest.mark.parametrize(
    ("unix", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_standard(unix, code):
    """RFC 6238, appendix B (the last six of its eight digits)."""
    assert totp.code_at(RFC_SECRET, totp.step_of(Instant(unix * SECOND))) == code


@given(st.integers(10**9, 4 * 10**9), st.integers(-3, 3))
@settings(max_examples=50)
def test_a_code_is_good_for_its_own_step_and_its_neighbours(unix, distance):
    now = Instant(unix * SECOND)
    step = totp.step_of(now) + distance
    found = totp.matching_step(RFC_SECRET, secret(totp.code_at(RFC_SECRET, step)), now, 0)
    assert (found == step) is (abs(distance) <= totp.DRIFT_STEPS)


def test_a_code_is_good_once():
    now = Instant(1_800_000_000 * SECOND)
    step = totp.step_of(now)
    code = secret(totp.code_at(RFC_SECRET, step))
    assert totp.matching_step(RFC_SECRET, code, now, step - 1) == step
    assert totp.matching_step(RFC_SECRET, code, now, step) is None
    assert totp.matching_step(RFC_SECRET, code, now, step + 1) is None


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "００００００", "\x00" * 6])
def test_what_is_no_code_matches_nothing(typed):
    assert totp.matching_step(RFC_SECRET, Secret(typed.encode() or b" "), Instant(1_800_000_000 * SECOND), 0) is None


def test_an_authenticator_can_read_the_address():
    uri = totp.uri(RFC_SECRET, "ada.martin").reveal().decode()
    assert uri.startswith("otpauth://totp/Nexus:ada.martin?secret=GEZDGNBV")


# Tokens and codes


def test_tokens_tell_their_kind_and_nothing_else():
    drawn = {tokens.new_token(tokens.SESSION_PREFIX).reveal() for _ in range(100)}
    assert len(drawn) == 100
    assert all(token.startswith(b"nxs_") and len(token) == 47 for token in drawn)


def test_an_enrolment_code_may_be_typed_carelessly():
    code = tokens.new_code()
    typed = code.reveal().decode().lower().replace("-", " ")
    assert tokens.code_fingerprint(secret(typed)) == tokens.code_fingerprint(code)
    assert tokens.code_fingerprint(tokens.new_code()) != tokens.code_fingerprint(code)


def test_access_keys_look_as_s3_clients_expect():
    assert len(tokens.new_access_key_id()) == 20
    assert tokens.new_access_key_id().isalnum()
    assert len(tokens.new_access_key_secret()) == 43


# Sealed credentials


def test_a_sealed_credential_opens_where_it_belongs_only():
    sealing = Sealing(Secret(b"k" * 32))
    sealed = sealing.seal(secret("JBSWY3DPEHPK3PXP"), "totp", "per_a")
    assert b"JBSWY3DPEHPK3PXP" not in sealed
    assert sealing.open(sealed, "totp", "per_a") == secret("JBSWY3DPEHPK3PXP")
    for what, whose in (("totp", "per_b"), ("access-key", "per_a")):
        with pytest.raises(Damaged):
            sealing.open(sealed, what, whose)
    with pytest.raises(Damaged):
        Sealing(Secret(b"x" * 32)).open(sealed, "totp", "per_a")


def test_the_sealed_form_is_the_one_that_was_written_down():
    """A known answer: what an earlier version sealed opens for ever (docs/formats/sealed-credentials.md)."""
    sealed = bytes.fromhex("016465666768696a6b6c6d6e6f02598d3120da12ce7b2a0fa3e93532ad5ea128989bc6c79c7ded3f14f7af7ad2")
    assert Sealing(Secret(bytes(range(32)))).open(sealed, "totp", "per_a") == secret("JBSWY3DPEHPK3PXP")


@given(st.integers(0, 44), st.integers(1, 255))
@settings(max_examples=60)
def test_a_changed_byte_never_opens(position, change):
    sealing = Sealing(Secret(b"k" * 32))
    sealed = bytearray(sealing.seal(secret("JBSWY3DPEHPK3PXP"), "totp", "per_a"))
    sealed[position % len(sealed)] ^= change
    with pytest.raises(Damaged):
        sealing.open(bytes(sealed), "totp", "per_a")


def test_a_truncated_credential_never_opens():
    sealing = Sealing(Secret(b"k" * 32))
    sealed = sealing.seal(secret("JBSWY3DPEHPK3PXP"), "totp", "per_a")
    for length in range(len(sealed)):
        with pytest.raises(Damaged):
            sealing.open(sealed[:length], "totp", "per_a")


def test_a_sealing_key_of_another_length_is_refused():
    with pytest.raises(ValueError, match="32"):
        Sealing(Secret(b"short"))
