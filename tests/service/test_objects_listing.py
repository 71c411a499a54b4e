"""Listings are complete, ordered by bytes, and cost what they show."""

import asyncio

import pytest

from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import Invalid
from nexus.objects.model import Versioning
from simulators.object_store import Store

KEYS = ["a", "a/1", "a/2/x", "a/2/y", "a/3", "b", "b/1", "é", "z\U0001f600", "z\uffee"]


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    yield made
    made.close()


async def filled(store: Store, keys=KEYS):
    bucket = await store.bucket()
    await asyncio.gather(*(store.put(bucket, key, b"x") for key in keys))
    return bucket


def shown(page):
    return sorted([*(version.key for version in page.versions), *page.prefixes])


async def test_keys_come_in_the_order_of_their_bytes(store):
    page = await store.objects.listing.objects(store.op, await filled(store))
    assert [version.key for version in page.versions] == sorted(KEYS, key=str.encode)
    assert (page.next, page.last) == (None, "é")


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("prefix", "delimiter", "expected"),
    [
        ("", "", KEYS),
        ("", "/", ["a", "a/", "b", "b/", "é", "z\U0001f600", "z\uffee"]),
        ("a/", "/", ["a/1", "a/2/", "a/3"]),
        ("a/2", "", ["a/2/x", "a/2/y"]),
        ("nothing", "/", []),
    ],
)
async def test_pages_joined_are_the_whole(store, limit, prefix, delimiter, expected):
    bucket, found, token, marker = await filled(store), [], None, ""
    while True:
        page = await store.objects.listing.objects(
            store.op, bucket, prefix=prefix, delimiter=delimiter, token=token, limit=limit
        )
        by_marker = await store.objects.listing.objects(
            store.op, bucket, prefix=prefix, delimiter=delimiter, after=marker, limit=limit
        )
        assert shown(by_marker) == shown(page)
        found += shown(page)
        if (token := page.next) is None:
            break
        marker = page.last
    assert found == sorted(expected)


async def test_a_token_of_nobody_is_refused(store):
    bucket = await filled(store)
    for token in ("%", "Ã", "_w=="):
        with pytest.raises(Invalid) as caught:
            await store.objects.listing.objects(store.op, bucket, token=token)
        assert caught.value.code == "objects.invalid-token"


async def test_versions_page_within_a_key_and_across_keys(store):
    bucket = await store.bucket()
    await store.objects.buckets.set_versioning(store.op, bucket, Versioning.ENABLED)
    expected = []
    for key in ("a", "b", "c/1", "c/2"):
        ids = [(await store.put(bucket, key, b"x")).version_id for _ in range(3)]
        expected += [(key, version_id) for version_id in reversed(ids)]
    for limit in (1, 2, 3, 5, 100):
        found, key, version_id = [], "", None
        while True:
            page = await store.objects.listing.versions(
                store.op, bucket, key_marker=key, version_id_marker=version_id, limit=limit
            )
            found += [(version.key, version.version_id) for version in page.versions]
            if page.next_key is None:
                break
            key, version_id = page.next_key, page.next_version_id
        assert found == expected
    page = await store.objects.listing.versions(store.op, bucket, delimiter="/", limit=7)
    assert (len(page.versions), page.prefixes, page.next_key) == (6, ("c/",), None)
    page = await store.objects.listing.versions(store.op, bucket, key_marker="a")
    assert page.versions[0].key == "b"


async def test_no_more_than_a_thousand_and_as_few_as_none(store):
    bucket = await filled(store, [f"{n:04}" for n in range(1_005)])
    page = await store.objects.listing.objects(store.op, bucket, limit=5_000)
    assert (len(page.versions), page.last) == (1_000, "0999")
    rest = await store.objects.listing.objects(store.op, bucket, token=page.next)
    assert (len(rest.versions), rest.next) == (5, None)
    none = await store.objects.listing.objects(store.op, bucket, limit=0)
    assert (none.versions, none.next) == ((), None)


@pytest.mark.on_file
async def test_a_page_does_not_read_what_it_does_not_show(store):
    """Two hundred thousand keys, versions and delete markers behind three prefixes; rows are counted, not seconds."""
    bucket = await store.bucket()
    rows = [
        (bucket.number, f"{directory}/{n:06}", n, f"{directory}-{n}", int(directory != "m"), int(directory == "m"))
        for directory in ("k", "l", "m")
        for n in range(70_000)
    ]

    def insert(tx):
        tx.execute_many(
            "INSERT INTO objects_version VALUES (?, ?, ?, ?, 1, ?, 0, 1, 'e', 0, NULL, NULL, NULL, x'', x'', NULL, NULL)",
            [(number, key, ordinal, id_, marker) for number, key, ordinal, id_, _, marker in rows],
        )

    await store.database.bookkeep(Bookkeeping.PROGRESS, insert)
    steps = 0

    def count():
        nonlocal steps
        steps += 1
        return False

    connection = store.database.engine._reader()
    connection.set_progress_handler(count, 100)
    page = await store.objects.listing.objects(store.op, bucket, delimiter="/")
    assert page.prefixes == ("k/", "l/")
    assert len((await store.objects.listing.objects(store.op, bucket, prefix="l/", limit=10)).versions) == 10
    assert (await store.objects.listing.objects(store.op, bucket, prefix="m/")).versions == ()
    assert len((await store.objects.listing.versions(store.op, bucket, delimiter="/")).prefixes) == 3
    assert steps < 200, "a scan of a prefix would take tens of thousands"
    connection.set_progress_handler(None)
