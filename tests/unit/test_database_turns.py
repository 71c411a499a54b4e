"""Turns of writers: nobody is overtaken for long, and nobody waits for ever."""

import threading
import time

import pytest

from nexus.kernel.engines.turns import Turns


@pytest.fixture
def turns(tmp_path):
    made = [Turns(tmp_path / "a.db") for _ in range(3)]
    yield made
    for each in made:
        each.close()


class Lock:
    """SQLite's lock: it goes to whoever asks at the right moment."""

    def __init__(self):
        self.order = []
        self._lock = threading.Lock()
        self.asked = {}

    def attempt(self, name):
        def ask():
            self.asked[name] = self.asked.get(name, 0) + 1
            if not self._lock.acquire(blocking=False):
                return False
            self.order.append(name)
            return True

        return ask

    def release(self):
        self._lock.release()


def test_who_has_waited_goes_before_who_has_just_written(turns):
    greedy, patient, _ = turns
    patient.overtaken_s = 0.0
    lock = Lock()
    for turn in range(5):
        assert greedy.until(lock.attempt("greedy"))
        waiting = threading.Thread(target=patient.until, args=(lock.attempt("patient"),))
        waiting.start()
        tried = lock.asked.get("patient", 0)
        while lock.asked.get("patient", 0) < tried + 3:  # from the second time on it has the turn
            time.sleep(0.001)
        again = threading.Thread(target=greedy.until, args=(lock.attempt("greedy"),))
        lock.release()
        again.start()
        waiting.join()
        lock.release()
        again.join()
        lock.release()
        assert lock.order[3 * turn :] == ["greedy", "patient", "greedy"]


def test_a_turn_that_is_never_given_back_is_respected_for_a_while_only(turns):
    stopped, other, _ = turns
    assert stopped._take()
    other.turn_s = 0.05
    lock = Lock()
    assert other.until(lock.attempt("other")) and lock.order == ["other"]


def test_who_gives_up_gives_his_turn_back(turns):
    one, other, _ = turns
    one.patience_s = 0.05
    lock = Lock()
    assert other.until(lock.attempt("other"))
    assert not one.until(lock.attempt("one"))
    assert lock.asked["one"] > 1 and other._take()
