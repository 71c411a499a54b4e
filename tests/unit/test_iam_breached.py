"""Passwords known from breaches are found in a sorted file, wherever they stand in it, and others are not."""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.iam.breached import BreachedPasswords
from nexus.iam.passwords import Cost, Passwords
from nexus.kernel.errors import Invalid, Unavailable
from nexus.kernel.secret import Secret

CHEAP = Cost(memory_kib=8, passes=1, lanes=1)
KNOWN = "staple-horse-correct"


def digest(password):
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def listed(folder, passwords, line="{}:{}\n"):
    file = Path(folder) / "breached.txt"
    file.write_text("".join(line.format(d, n * 37) for n, d in enumerate(sorted(map(digest, passwords)))), newline="")
    return BreachedPasswords(file)


@settings(max_examples=200, deadline=None)
@given(
    st.sets(st.text(min_size=1, max_size=8), max_size=40),
    st.text(min_size=1, max_size=8),
    st.sampled_from(["\n", "\r\n"]),
)
def test_a_password_is_found_exactly_if_it_is_on_the_list(passwords, other, end):
    passwords = {p for p in passwords if p.isprintable()}
    with TemporaryDirectory() as folder:
        found = listed(folder, passwords, "{}:{}" + end)
        assert all(found.holds(Secret(p.encode())) for p in passwords)
        assert found.holds(Secret(other.encode())) == (other in passwords)


def test_a_list_without_counts_or_in_small_letters_is_one_too(tmp_path):
    assert listed(tmp_path, [KNOWN, "b", "c"], "{}\n").holds(Secret(KNOWN.encode()))
    (tmp_path / "breached.txt").write_text("".join(sorted(digest(p).lower() + "\n" for p in (KNOWN, "b", "c"))))
    assert BreachedPasswords(tmp_path / "breached.txt").holds(Secret(KNOWN.encode()))


def test_without_a_list_nothing_is_known_and_with_a_lost_one_nothing_is_taken(tmp_path):
    assert not BreachedPasswords().holds(Secret(KNOWN.encode()))
    with pytest.raises(Unavailable):
        BreachedPasswords(tmp_path / "lost").holds(Secret(KNOWN.encode()))


async def test_a_breached_password_is_refused_however_strong_it_looks(tmp_path):
    pool = Passwords(CHEAP, listed(tmp_path, [KNOWN, "x"]))
    with pytest.raises(Invalid) as refused:
        await pool.check(Secret(KNOWN.encode()), "ada")
    assert refused.value.code == "iam.weak-password" and KNOWN not in str(refused.value)
    await pool.check(Secret(b"staple-horse-battery-9"), "ada")
    pool.close()
