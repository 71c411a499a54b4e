"""What the command line keeps on disk: sealed, and worthless without what is not on disk."""

import pytest

from nexus.app.cli import keyring
from nexus.app.cli.keyring import Locker, nobody_to_ask
from nexus.app.cli.sessions import SessionFile, StoredSession
from nexus.kernel.errors import Unauthenticated, Unavailable
from nexus.kernel.secret import Secret

HERE, ELSEWHERE = "https://nexus.test:9443", "https://other.test:9443"


def typed(text: str):
    return lambda: Secret(text.encode())


def by_passphrase(text: str) -> Locker:
    return Locker(typed(text), kernel=False, memory_kib=64)


def test_a_passphrase_opens_what_it_sealed_and_nothing_else_does():
    sealed = by_passphrase("correct horse").seal(b"key and tokens", HERE)
    assert b"tokens" not in sealed
    assert by_passphrase("correct horse").open(sealed, HERE) == b"key and tokens"
    for locker, place in (
        (by_passphrase("wrong horse"), HERE),
        (by_passphrase("correct horse"), ELSEWHERE),
    ):
        with pytest.raises(Unauthenticated):
            locker.open(sealed, place)


def test_changed_or_cut_bytes_do_not_open():
    locker = by_passphrase("x")
    sealed = locker.seal(b"key and tokens", HERE)
    for bad in (sealed[:-1], sealed[:20], sealed[:1], b"", sealed[:-1] + bytes([sealed[-1] ^ 1]), b"\x01" + sealed[1:]):
        with pytest.raises(Unauthenticated):
            locker.open(bad, HERE)


def test_the_kernel_keeps_the_key_where_it_can():
    """The file alone is worthless: the key is in the kernel's memory, not beside it."""
    locker = Locker(nobody_to_ask)
    try:
        sealed = locker.seal(b"key and tokens", HERE)
    except Unavailable:
        pytest.skip("this machine's kernel keeps no keys")
    assert sealed[:1] == keyring.KEYRING and Locker(nobody_to_ask).open(sealed, HERE) == b"key and tokens"
    with pytest.raises(Unauthenticated):
        locker.open(sealed, ELSEWHERE)


def test_without_keyring_and_without_anybody_to_ask_nothing_is_stored():
    with pytest.raises(Unavailable):
        Locker(nobody_to_ask, kernel=False).seal(b"key and tokens", HERE)


def test_a_sign_in_by_password_lies_sealed_too_and_is_gone_with_the_key(tmp_path):
    """A restart of the machine forgets the key: then one signs in again. Where the kernel keeps none, the file is all."""
    session = StoredSession(login="ada", device="nxd_secret", token="nxs_secret", session="ses_1")
    sealed = SessionFile(tmp_path / "a", by_passphrase("the kernel's part"))
    sealed.put(HERE, session)
    text = (tmp_path / "a" / "sessions.json").read_text()
    assert "nxs_" not in text and "nxd_" not in text
    assert sealed.get(HERE) == session
    anew = SessionFile(tmp_path / "a", by_passphrase("another key")).get(HERE)
    assert anew is not None and not anew.open and anew.device == ""
    clear = SessionFile(tmp_path / "b", Locker(nobody_to_ask, kernel=False))
    clear.put(HERE, session)
    assert clear.get(HERE) == session
