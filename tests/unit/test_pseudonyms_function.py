"""The function meets the SNDS rule point by point. R-093, EMC-05, EMC-06."""

import hmac
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.kernel.errors import Invalid
from nexus.kernel.secret import Secret
from nexus.pseudonyms import notation
from nexus.pseudonyms.function import Linking, Pseudonymising, fresh_secret
from nexus.pseudonyms.identity import Nir, NirKey, lone_record, nir
from nexus.pseudonyms.notation import Domain, Writing, check_characters

VECTORS = json.loads((Path(__file__).parents[2] / "docs" / "formats" / "pseudonym-vectors.json").read_text())
FIRST, SECOND = Secret(bytes(range(32))), Secret(bytes(range(32, 64)))
EMC2 = Domain("EMC2", 1)


def people(count: int) -> list[Nir]:
    draw = random.Random(93)
    return [Nir(f"{draw.randrange(10**12, 3 * 10**12):013d}", NirKey.ABSENT) for _ in range(count)]


@pytest.mark.parametrize("vector", VECTORS["pseudonyms"], ids=lambda vector: vector["pseudonym"][:20])
def test_the_vectors_hold_with_code_that_knows_only_the_format_page(vector):
    """By HMAC of the standard library and plain arithmetic, none of ours."""
    link = bytes.fromhex(vector["identity"])
    for number, secret in enumerate(vector["first_level"]):
        label = b"nexus/pseudonym/renewed-link/1\0" if number else b"nexus/pseudonym/link/1\0"
        link = hmac.digest(bytes.fromhex(secret), label + link, "sha256")
    assert link.hex() == vector["link"]
    domain = f"{vector['domain']}-{vector['epoch']:02d}"
    label = b"nexus/pseudonym/domain/1\0" + domain.encode() + b"\0"
    body = hmac.digest(bytes.fromhex(vector["second_level"]), label + link, "sha256")[:20]
    number, text = int.from_bytes(body, "big"), ""
    for _ in range(32):
        number, digit = divmod(number, 32)
        text = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[digit] + text
    assert vector["pseudonym"].startswith(f"NXP1-{domain}-{text}-")
    total = 0
    for character in vector["pseudonym"].replace("-", "")[:-1]:
        total = (total + int(character, 36)) * 36 % 1271
    assert (total + int(vector["pseudonym"][-1], 36)) % 1271 == 1, "ISO/IEC 7064 MOD 1271-36"


@pytest.mark.parametrize("vector", VECTORS["pseudonyms"], ids=lambda vector: vector["pseudonym"][:20])
def test_the_function_gives_the_vectors(vector):
    linking = Linking([Secret(bytes.fromhex(secret)) for secret in vector["first_level"]])
    link = linking.link(nir(vector["nir"]) if "nir" in vector else lone_record(vector["provider"], vector["record"]))
    domain = Domain(vector["domain"], vector["epoch"])
    assert Pseudonymising(domain, Secret(bytes.fromhex(vector["second_level"]))).pseudonym(link) == vector["pseudonym"]


def test_two_hundred_thousand_identities_have_as_many_pseudonyms():
    """No collision; the ledger checks each one (test_pseudonyms_ledger.py), bench/pseudonyms.py goes further."""
    linking, made = Linking([FIRST]), Pseudonymising(EMC2, SECOND)
    identities = {f"{n:013d}" for n in range(200_000)}
    assert len({made.body(linking.link(Nir(one, NirKey.ABSENT))) for one in identities}) == len(identities)


def test_one_character_changes_half_of_the_bits():
    """Avalanche: the mean of flipped bits is 50 % +- 1."""
    linking, made = Linking([FIRST]), Pseudonymising(EMC2, SECOND)
    flipped, bits = 0, 0
    for one in people(2_000):
        other = Nir(one.characters[:-1] + str((int(one.characters[-1]) + 1) % 10), NirKey.ABSENT)
        difference = int.from_bytes(made.body(linking.link(one)), "big") ^ int.from_bytes(
            made.body(linking.link(other)), "big"
        )
        flipped, bits = flipped + difference.bit_count(), bits + 160
    assert 0.49 < flipped / bits < 0.51


def test_it_is_the_same_tomorrow_and_on_another_machine():
    one = nir("1841276451089")
    again = Pseudonymising(EMC2, Secret(SECOND.reveal())).pseudonym(Linking([Secret(FIRST.reveal())]).link(one))
    assert Pseudonymising(EMC2, SECOND).pseudonym(Linking([FIRST]).link(one)) == again


def test_each_secret_alone_changes_everything():
    one = nir("1841276451089")
    reference = Pseudonymising(EMC2, SECOND).body(Linking([FIRST]).link(one))
    assert Pseudonymising(EMC2, SECOND).body(Linking([fresh_secret()]).link(one)) != reference
    assert Pseudonymising(EMC2, fresh_secret()).body(Linking([FIRST]).link(one)) != reference


def test_two_domains_share_nothing_even_under_one_secret():
    """EMC-05: joined on the pseudonym, two projects have no row in common."""
    links = [Linking([FIRST]).link(one) for one in people(500)]
    one, two = (Pseudonymising(Domain(name, 1), SECOND) for name in ("PRJA", "PRJB"))
    assert {one.body(link) for link in links}.isdisjoint({two.body(link) for link in links})


def test_a_leaked_first_secret_is_left_without_identities():
    """What was computed from stored links equals what newly delivered identities give."""
    later = fresh_secret()
    before, after = Linking([FIRST]), Linking([FIRST, later])
    for one in people(50):
        assert after.renew(before.link(one)) == after.link(one) != before.link(one)


def test_a_secret_of_another_size_is_no_secret():
    for secret in (Secret(b"short"), Secret(b"x" * 33)):
        with pytest.raises(ValueError, match="32 bytes"):
            Linking([secret])
        with pytest.raises(ValueError, match="32 bytes"):
            Pseudonymising(EMC2, secret)
    with pytest.raises(ValueError, match="needs a secret"):
        Linking([])


# How it is written


def test_the_check_characters_are_those_of_the_standard():
    """ISO/IEC 7064: "ISO79" has the check characters "3W"."""
    assert check_characters("ISO79") == "3W"


@given(st.binary(min_size=20, max_size=20), st.from_regex(r"\A[A-Z][A-Z0-9]{1,15}\Z"), st.integers(1, 99))
def test_what_is_written_is_read_again(body, name, epoch):
    domain = Domain(name, epoch)
    assert notation.read(Writing(domain).write(body)) == (domain, body)


def written_by_the_book(domain: Domain, body: bytes) -> str:
    """docs/formats/pseudonym.md, one character after the other."""
    number = int.from_bytes(body, "big")
    text = "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[number >> shift & 31] for shift in range(155, -1, -5))
    return f"NXP1-{domain}-{text}-{check_characters(f'NXP1{domain.name}{domain.epoch:02d}{text}')}"


@given(st.lists(st.binary(min_size=20, max_size=20), max_size=40), st.integers(1, 99))
def test_many_written_together_are_each_written_by_the_book(bodies, epoch):
    domain = Domain("A1", epoch)
    assert Writing(domain).write_all(bodies) == [written_by_the_book(domain, body) for body in bodies]


def test_a_batch_of_any_size_is_written_in_order():
    bodies = [bytes(20), b"\xff" * 20, *(random.Random(7).randbytes(20) for _ in range(9_000))]
    assert Writing(EMC2).write_all(bodies) == [written_by_the_book(EMC2, body) for body in bodies]
    links = [random.Random(seed).randbytes(32) for seed in range(30)]
    made = Pseudonymising(EMC2, SECOND)
    assert made.pseudonyms(links) == [made.pseudonym(link) for link in links]
    with pytest.raises(ValueError, match="20 bytes"):
        Writing(EMC2).write_all([bytes(20), bytes(19), bytes(21)])


@given(st.binary(min_size=20, max_size=20), st.data())
def test_every_mistyped_character_is_found(body, data):
    text = Writing(EMC2).write(body)
    at = data.draw(st.sampled_from([at for at, character in enumerate(text) if character != "-"]))
    wrong = data.draw(st.sampled_from([c for c in "0123456789ABCDEFGHJKMNPQRSTVWXYZ" if c != text[at]]))
    with pytest.raises(Invalid):
        notation.read(text[:at] + wrong + text[at + 1 :])


@given(st.binary(min_size=20, max_size=20), st.integers(13, 43))
def test_every_exchange_of_neighbours_is_found(body, at):
    text = Writing(EMC2).write(body)
    exchanged = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if exchanged != text:
        with pytest.raises(Invalid):
            notation.read(exchanged)


@pytest.mark.parametrize(
    ("name", "epoch"), [("A", 1), ("emc2", 1), ("1AB", 1), ("A" * 17, 1), ("AB", 0), ("AB", 100), ("ÉA", 1)]
)
def test_a_domain_that_could_not_be_read_again_is_refused(name, epoch):
    with pytest.raises(Invalid):
        Domain(name, epoch)
