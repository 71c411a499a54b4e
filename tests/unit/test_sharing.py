"""Shares: enough of them give the secret back, fewer say nothing, and what custodians mistype is found.

Fulfils the m-of-n half of the sealed start (EMC-40, AP-03).
"""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.crypto import sharing
from nexus.crypto.sharing import Share, combine, looks_like_share, parse, split
from nexus.kernel.errors import Invalid
from nexus.kernel.secret import Secret

SECRET = Secret(bytes(range(32)))


def fixed(seed):
    return random.Random(seed).randbytes


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=1, max_size=40), st.data())
def test_any_threshold_of_shares_gives_the_secret_back(secret, data):
    total = data.draw(st.integers(2, 7))
    threshold = data.draw(st.integers(2, total))
    shares = split(Secret(secret), threshold, total)
    chosen = data.draw(st.permutations(shares))[: data.draw(st.integers(threshold, total))]
    assert combine(chosen) == Secret(secret)


def test_every_pair_out_of_255_works_at_the_edges():
    shares = split(Secret(b"\x00\xff"), 2, 255)
    for one, other in itertools.combinations([shares[0], shares[1], shares[127], shares[254]], 2):
        assert combine([one, other]) == Secret(b"\x00\xff")


def test_one_share_too_few_fits_every_secret():
    """With threshold - 1 shares fixed, each possible secret byte belongs to exactly one value of the missing share."""
    known = split(Secret(b"\x2a"), 3, 3)[:2]
    set_id = known[0].set_id
    secrets = {combine([*known, Share(set_id, 3, 3, Secret(bytes([value])))]).reveal() for value in range(256)}
    assert len(secrets) == 256


def test_the_field_is_that_of_aes():
    """Known answers: FIPS 197, section 4.2; and the inverse of each element."""
    assert sharing._multiply(0x57, 0x83) == 0xC1
    assert sharing._multiply(0x57, 0x13) == 0xFE
    assert all(sharing._multiply(x, sharing._invert(x)) == 1 for x in range(1, 256))


def test_known_shares_stay_what_they_are():
    """The vector of docs/formats/keystore.md, computed by hand: f(x) = secret + a1*x with a1 = 0x01, so f(1) = s ^ 1."""
    shares = split(SECRET, 2, 2, randomness=lambda length: b"\x01" * length)
    assert shares[0].value == Secret(bytes(byte ^ 1 for byte in range(32)))
    assert shares[1].value == Secret(bytes(byte ^ 2 for byte in range(32)))
    assert shares[0].text() == VECTOR


VECTOR = "nxs1-040g20p-810410k-20800cv-10a1079-0r4gg2s-ra1m60q-y3gh20d-9h458m4-2wb1j6a-0v38eh1-r7ryz22-qx3yn1w"


@settings(max_examples=30)
@given(st.binary(min_size=5, max_size=5), st.integers(2, 255), st.integers(1, 255), st.binary(min_size=32, max_size=32))
def test_a_share_survives_the_journey_over_paper(set_id, threshold, index, value):
    share = Share(set_id, threshold, index, Secret(value))
    text = share.text()
    untidy = text.upper().replace("-", "  ").replace("0", "O").replace("1", "l")
    assert parse(text) == share == parse(untidy)
    assert len(text) == 4 + 12 * 8 and looks_like_share(untidy)


def test_a_typing_mistake_is_found_in_its_group():
    text = split(SECRET, 2, 3, randomness=fixed(7))[0].text()
    groups = text.split("-")
    found = 0
    for place in range(1, 13):
        for position, other in itertools.product(range(7), "09az"):
            if groups[place][position] == other:
                continue
            wrong = groups[place][:position] + other + groups[place][position + 1 :]
            with pytest.raises(Invalid) as caught:
                parse("-".join([*groups[:place], wrong, *groups[place + 1 :]]))
            found += f"group {place} " in caught.value.message
            assert groups[place] not in caught.value.message
    assert found > 0.9 * 12 * 7 * 3


def test_groups_in_the_wrong_order_are_found():
    groups = split(SECRET, 2, 3)[0].text().split("-")
    groups[3], groups[4] = groups[4], groups[3]
    with pytest.raises(Invalid, match=r"group|checksum"):
        parse("-".join(groups))


@pytest.mark.parametrize(
    "text", ["", "nxs1", "nxs2-aaaaaaa", "correct horse battery staple", "nxs1-" + "0" * 83, "é" * 90]
)
def test_what_is_no_share_is_refused(text):
    with pytest.raises(Invalid):
        parse(text)


def test_shares_that_do_not_belong_together_are_refused():
    one, other = split(SECRET, 2, 3), split(SECRET, 2, 3)
    for shares, code in (
        ([], "sharing.too-few"),
        (one[:1], "sharing.too-few"),
        ([one[0], one[0]], "sharing.twice"),
        ([one[0], other[1]], "sharing.mixed"),
    ):
        with pytest.raises(Invalid) as caught:
            combine(shares)
        assert caught.value.code == code


@pytest.mark.parametrize(("threshold", "total"), [(1, 3), (0, 0), (3, 2), (2, 256)])
def test_impossible_numbers_are_refused(threshold, total):
    with pytest.raises(Invalid):
        split(SECRET, threshold, total)


def test_a_share_does_not_print_its_value():
    share = split(SECRET, 2, 2, randomness=fixed(1))[0]
    assert share.value.reveal().hex() not in repr(share) and "<secret>" in repr(share)
    assert share.digest() != split(SECRET, 2, 2, randomness=fixed(1))[1].digest()
