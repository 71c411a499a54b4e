"""Memory that blobs are written from is used again, and never by two at once."""

import os

import pytest

from nexus.objects.blobs.disk import DiskBlobs
from nexus.objects.blobs.rooms import KEPT, ROOM_BYTES, Rooms
from simulators.engines import read, write


def test_a_room_is_given_to_one_at_a_time_and_used_again():
    rooms = Rooms()
    taken = [rooms.take(1 + number) for number in range(3)]
    assert len({id(room) for room in taken}) == 3
    for room in taken:
        rooms.give_back(room)
    assert {id(rooms.take(ROOM_BYTES)) for _ in taken} == {id(room) for room in taken}


def test_few_are_kept_and_none_that_is_larger():
    rooms = Rooms()
    large = rooms.take(ROOM_BYTES + 1)
    assert len(large) == ROOM_BYTES + 1
    rooms.give_back(large)
    taken = [rooms.take(1) for _ in range(KEPT + 3)]
    assert large not in taken
    for room in taken:
        rooms.give_back(room)
    again = [rooms.take(1) for _ in range(KEPT + 1)]
    assert len({id(room) for room in taken} & {id(room) for room in again}) == KEPT


def test_a_blob_has_nothing_of_the_one_before_it_in_the_same_room(tmp_path):
    blobs = DiskBlobs(tmp_path)
    blobs.rooms.give_back(room := blobs.rooms.take(1))
    bodies = {f"blb-{number:028}": os.urandom(size) for number, size in enumerate((900_000, 5_000, 1, 4_096, 700_001))}
    for blob_id, body in bodies.items():
        write(blobs, blob_id, body)
    assert {blob_id: read(blobs, blob_id) for blob_id in bodies} == bodies
    assert blobs.rooms.take(1) is room, "all of them were written from it"
    blobs.close()


def test_blobs_under_way_at_once_keep_apart(tmp_path):
    blobs, size = DiskBlobs(tmp_path), 300_000
    write(blobs, "blb-0", os.urandom(size))
    first, second = blobs.create("blb-1", room=size), blobs.create("blb-2", room=size)
    bodies = os.urandom(size), os.urandom(size)
    for writer, body in zip((first, second), bodies, strict=True):
        writer.room(size)[:] = body
    for writer in (first, second):
        writer.filled(size)
        writer.finish()
        writer.release()
    assert (read(blobs, "blb-1"), read(blobs, "blb-2")) == bodies
    blobs.close()


@pytest.mark.parametrize("end", ["release", "abort"])
def test_who_has_given_a_blob_up_cannot_write_into_the_room_of_another(tmp_path, end):
    blobs = DiskBlobs(tmp_path)
    writer = blobs.create("blb-1", room=100)
    getattr(writer, end)()
    with pytest.raises(AttributeError):
        writer.room(10)
    with pytest.raises(AttributeError):
        writer.filled(10)
    writer.release()
    assert blobs.create("blb-2", room=100).room(10) is not None
    blobs.close()
