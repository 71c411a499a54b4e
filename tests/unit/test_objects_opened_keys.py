"""Keys of objects are kept only where nobody could have opened them less."""

import gc
import os
import weakref

import pytest

from nexus.crypto import floe
from nexus.kernel.errors import Damaged, Sealed
from nexus.kernel.secret import Secret
from nexus.objects.content import open_inline
from nexus.objects.keys import CACHED_FOR, BucketKeys
from nexus.objects.opened_keys import MAX_KEPT, OpenedKeys
from nexus.objects.sealing import BODY, KEY, SEGMENTS, BucketKey, ObjectKey, Place, SubjectKey
from simulators.object_store import Store

AAD, OTHER = (Place("bkt_1", name, "ver_1").bind(KEY) for name in ("scan", "other"))


def bucket_key(leased=lambda: True) -> BucketKey:
    return BucketKey(Secret(os.urandom(32)), "key_1", leased)


def test_what_was_opened_is_kept_for_its_bucket_key_its_bytes_and_its_place_alone():
    key, opened = bucket_key(), OpenedKeys()
    wrapped = key.wrap(ObjectKey.fresh(), AAD)
    first = opened.unwrap(key, wrapped, AAD)
    assert opened.unwrap(key, wrapped, AAD) is first
    for at in range(len(wrapped)):
        changed = bytearray(wrapped)
        changed[at] ^= 1
        with pytest.raises(Damaged):
            opened.unwrap(key, bytes(changed), AAD)
    for other, aad in ((key, OTHER), (bucket_key(), AAD)):
        with pytest.raises(Damaged):
            opened.unwrap(other, wrapped, aad)


def test_what_is_kept_opens_nothing_once_its_bucket_key_may_not_be_used():
    leased = [True]
    for key, end in (
        (taken := bucket_key(), taken.revoke),
        (bucket_key(lambda: leased[0]), lambda: leased.__setitem__(0, False)),
    ):
        opened = OpenedKeys()
        wrapped = key.wrap(ObjectKey.fresh(), AAD)
        opened.unwrap(key, wrapped, AAD)
        end()
        with pytest.raises(Sealed):
            opened.unwrap(key, wrapped, AAD)


def test_nothing_is_kept_once_it_is_to_be_forgotten():
    opened, key = OpenedKeys(), bucket_key()
    opened.unwrap(key, key.wrap(ObjectKey.fresh(), AAD), AAD)
    gone = weakref.ref(key)
    del key
    assert gone() is not None
    opened.forget()
    assert gone() is None


def test_nothing_is_kept_of_a_key_that_is_taken_back_while_it_opens():
    opened = OpenedKeys()

    class Taken(BucketKey):
        """Another thread takes it back at that very moment."""

        def unwrap(self, wrapped, aad, subject=None):
            key = super().unwrap(wrapped, aad, subject)
            self.revoke()
            opened.forget()
            return key

    key = Taken(Secret(os.urandom(32)), "key_1", lambda: True)
    opened.unwrap(key, key.wrap(ObjectKey.fresh(), AAD), AAD)
    gone = weakref.ref(key)
    del key
    assert gone() is None


def test_the_oldest_go():
    opened, keys = OpenedKeys(), [bucket_key() for _ in range(2)]
    opened.unwrap(keys[0], keys[0].wrap(ObjectKey.fresh(), AAD), AAD)
    gone = weakref.ref(keys.pop(0))
    for number in range(MAX_KEPT):
        assert gone() is not None
        aad = Place("bkt_1", str(number), "ver_1").bind(KEY)
        opened.unwrap(keys[0], keys[0].wrap(ObjectKey.fresh(), aad), aad)
    assert gone() is None


def test_a_content_that_was_opened_is_verified_again_each_time():
    key, place = ObjectKey.fresh(), Place("bkt_1", "scan", "ver_1")
    aad = place.bind(BODY)
    bodies = [floe.seal(key.content, aad, text, SEGMENTS) for text in (b"hello", b"world", b"", b"other")]
    for _ in range(2):
        for sealed, text in zip(bodies, (b"hello", b"world", b"", b"other"), strict=True):
            assert open_inline(sealed, key, aad, len(text)) == text
    sealed = bodies[0]
    for at in range(len(sealed)):
        assert open_inline(sealed, key, aad, 5) == b"hello"
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(Damaged):
            open_inline(bytes(changed), key, aad, 5)
        assert open_inline(sealed, key, aad, 5) == b"hello"
        with pytest.raises(Damaged):
            open_inline(sealed[:at], key, aad, 5)
    for wrong in (place.bind(KEY), Place("bkt_1", "other", "ver_1").bind(BODY)):
        assert open_inline(sealed, key, aad, 5) == b"hello"
        with pytest.raises(Damaged):
            open_inline(sealed, key, wrong, 5)


def keys_in_memory() -> int:
    gc.collect()
    return sum(isinstance(one, ObjectKey) for one in gc.get_objects())


async def test_a_seal_leaves_no_key_of_an_object_in_memory(tmp_path):
    store, before = Store(tmp_path), keys_in_memory()
    bucket = await store.bucket()
    for number in range(5):
        await store.put(bucket, f"scan-{number}", b"x")
        assert await store.get(bucket, f"scan-{number}") == b"x"
    assert keys_in_memory() == before + 5
    store.keys.seal()
    assert keys_in_memory() == before
    store.close()


async def test_they_go_with_the_minutes_of_their_bucket_key(tmp_path):
    store, before = Store(tmp_path), keys_in_memory()
    one, other = await store.bucket(), await store.bucket("other")
    for bucket in (one, other):
        for number in range(5):
            await store.put(bucket, f"scan-{number}", b"x")
            assert await store.get(bucket, f"scan-{number}") == b"x"
    assert keys_in_memory() == before + 10
    store.clock.advance(CACHED_FOR)
    assert await store.get(one, "scan-0") == b"x"
    assert keys_in_memory() == before + 1 + 5
    store.close()


def test_no_key_of_a_subjects_object_is_kept(tmp_path):
    """Once the subject is erased, nothing of him opens."""
    store = Store(tmp_path)
    keys, key, subject = BucketKeys(store.keys, store.clock), bucket_key(), SubjectKey(Secret(os.urandom(32)))
    wrapped, before = key.wrap(ObjectKey.fresh(), AAD, subject), keys_in_memory()
    keys.unwrap(key, wrapped, AAD, subject)
    assert keys_in_memory() == before
    with pytest.raises(Damaged):
        keys.unwrap(key, wrapped, AAD, SubjectKey(Secret(os.urandom(32))))
    with pytest.raises(Damaged):
        keys.unwrap(key, wrapped, AAD, None)
    store.close()
