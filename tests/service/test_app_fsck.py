"""`nexus objects fsck` where places do not answer: said once, and nothing more is asked (issue 6)."""

import os

import pytest

from nexus.app.commands.blobs import _say
from nexus.app.fsck.examining import Findings, examine
from nexus.kernel.errors import Unavailable
from nexus.objects.blobs.port import Copy, State
from nexus.objects.model import INLINE_BYTES
from nexus.objects.scrubbing import Scrubbing
from simulators.engines import copies
from simulators.object_store import Store

BLOBS = 5


class Silent:
    """An engine that does not answer after `answers` blobs; everything else is the engine's behind it."""

    def __init__(self, engine, *, answers=0):
        self._engine = engine
        self._answers = answers
        self.asked = 0

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def examine(self, expected, *, read):
        self.asked += 1
        if self.asked <= self._answers:
            return self._engine.examine(expected, read=read)
        return [Copy("engine", State.AWAY)]

    def older_than(self, seconds):
        raise Unavailable("the engine does not answer", code="blobs.away")


class Screen:
    """What was said."""

    def __init__(self):
        self.said = []

    def note(self, text):
        self.said.append(text)

    def good(self, text, *, aside=""):
        self.said.append(text)


@pytest.fixture
async def store(tmp_path):
    (tmp_path / "store").mkdir()
    made = Store(tmp_path / "store", engine=copies(tmp_path, 2))
    bucket = await made.bucket()
    for number in range(BLOBS):
        await made.put(bucket, f"scan-{number}", os.urandom(INLINE_BYTES + 1_000))
    yield made
    made.close()


def examined(store, engine, **how):
    found = Findings()
    scrubbing = Scrubbing(store.database, engine, store.clock)
    examine(store.database, engine, scrubbing, found, read=how.get("read", False), mend=how.get("mend", False))
    return found


@pytest.mark.parametrize("how", [{}, {"read": True}, {"read": True, "mend": True}])
def test_a_dead_engine_is_asked_once_and_said_once(store, how):
    engine, screen = Silent(store.engine), Screen()
    found = examined(store, engine, **how)
    assert (engine.asked, found.silent, found.is_whole, found.total) == (1, True, False, BLOBS)
    _say(screen, found)
    told = [text for text in screen.said if "answer" in text]
    assert told == [
        f"No place answers: {BLOBS - 1} of {BLOBS} blobs were not asked for. `nexus doctor` says what is wrong."
    ]


def test_an_engine_that_dies_meanwhile_ends_it_too(store):
    found = examined(store, Silent(store.engine, answers=1))
    assert (found.silent, found.done, found.is_whole) == (True, BLOBS, False)


def test_one_place_of_two_that_is_away_does_not_end_it(store):
    class OneAway(Silent):
        def examine(self, expected, *, read):
            good, _ = self._engine.examine(expected, read=read)
            return [good, Copy("other", State.AWAY)]

    found = examined(store, OneAway(store.engine))
    assert (found.silent, found.done, found.away) == (False, BLOBS, BLOBS)


def test_a_store_whose_places_answer_is_whole(store):
    found = examined(store, store.engine, read=True)
    assert (found.is_whole, found.done, found.silent) == (True, BLOBS, False)
