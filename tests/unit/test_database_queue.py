"""How writers come together: in order, each once, as many at a time as are there, and nobody waits for a crowd that does not come."""

import threading
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.kernel.database_jobs import Job, Queue

LONG_S = 30.0


def job(name):
    return Job(name, None, None)


def names(jobs):
    return [each.work for each in jobs]


def taken(queue, most, *, crowd=1, patience_s=0.0):
    """Everything that a writer takes until the queue is closed and empty, as batches."""
    batches = []
    while batch := queue.take(most, crowd=crowd, patience_s=patience_s):
        batches.append(names(batch))
    return batches


def test_jobs_are_taken_in_order_and_no_more_than_asked_for():
    queue = Queue()
    queue.put([job(number) for number in range(5)])
    queue.close()
    assert len(queue) == 5
    assert taken(queue, 2) == [[0, 1], [2, 3], [4]]


def test_a_writer_waits_for_a_crowd_and_no_longer():
    queue = Queue()
    queue.put([job("first")])
    began = time.monotonic()
    late = threading.Timer(0.05, lambda: queue.put([job("second"), job("third")]))
    late.start()
    assert names(queue.take(9, crowd=3, patience_s=LONG_S)) == ["first", "second", "third"]
    assert time.monotonic() - began < LONG_S / 2


def test_nobody_waits_for_a_crowd_that_does_not_come():
    queue = Queue()
    queue.put([job("alone")])
    assert names(queue.take(9, crowd=3, patience_s=0.01)) == ["alone"]
    queue.put([job("next")])  # what was waited for in vain is not heard of again
    assert names(queue.take(9, crowd=1, patience_s=0.0)) == ["next"]


def test_the_end_is_heard_by_who_waits():
    for crowd in (1, 5):
        queue = Queue()
        threading.Timer(0.02, queue.close).start()
        assert queue.take(9, crowd=crowd, patience_s=LONG_S) == []


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(0, 60), st.integers(1, 7), st.sampled_from([0.0, 0.000_05, 0.001]))
def test_each_job_is_taken_once_in_the_order_of_its_thread(threads, jobs, crowd, patience_s):
    """Waits that end at the very moment in which the crowd comes are what this is about."""
    queue = Queue()

    def put(thread):
        for number in range(jobs):
            queue.put([job((thread, number))])
            if number % 3 == 0:
                time.sleep(patience_s)

    putting = [threading.Thread(target=put, args=(thread,)) for thread in range(threads)]
    ending = threading.Thread(target=lambda: ([each.join() for each in putting], queue.close()))
    for each in (*putting, ending):
        each.start()
    found = [name for batch in taken(queue, 5, crowd=crowd, patience_s=patience_s) for name in batch]
    ending.join()
    for thread in range(threads):
        assert [number for from_thread, number in found if from_thread == thread] == list(range(jobs))
    assert len(found) == threads * jobs


class RungTooLate:
    """A bell whose first wait ends just before it rings."""

    def __init__(self, ring):
        self._lock, self._ring = threading.Lock(), ring
        self._lock.acquire()
        self.release = self._lock.release

    def acquire(self, timeout=-1):
        if timeout >= 0 and self._ring is not None:
            ring, self._ring = self._ring, None
            ring()
            return False
        return self._lock.acquire(timeout=timeout)


def test_a_ring_that_comes_too_late_is_not_heard_by_the_next_wait():
    queue = Queue()
    queue._bell = RungTooLate(lambda: queue.put([job("second")]))
    queue.put([job("first")])
    assert names(queue.take(9, crowd=2, patience_s=LONG_S)) == ["first", "second"]
    threading.Timer(0.02, lambda: queue.put([job("third")])).start()
    assert names(queue.take(9, crowd=1, patience_s=0.0)) == ["third"]
