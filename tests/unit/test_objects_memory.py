"""What a process remembers of rulings is what it would be told anew, whatever happened in between."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nexus.kernel.clock import Instant
from nexus.objects.ports import Ruled
from nexus.objects.remembering import Memory

SUBJECTS = ("a", "b", "c")
WHO = (1, "per_reader", "research", "")
NUMBERS = {1: ("a",), 2: ("b",), 3: ("c",), 4: ("a",), -1: ("a", "b"), -2: ("b", "c")}
"""Rows and whose data they stand for; a subject has a number in each vault."""
NOW, LATER = Instant(10), Instant(1_000)


@dataclass
class At:
    """A transaction that sees a number of changes; the last ones may be its own."""

    changes: int
    untouched: bool = True


class History:
    """Who decided, in order; None: something that concerns everybody."""

    def __init__(self) -> None:
        self.changes: list[tuple[str | None, bool]] = []
        self.asked: list[tuple[int, int]] = []

    def changed(self, tx, since, now):
        self.asked.append((since[0], now[0]))
        who = [subject for subject, _ in self.changes[since[0] : now[0]]]
        return None if None in who else who

    def allows(self, subject: str, version: int) -> bool:
        said = [allowed for who, allowed in self.changes[:version] if who in (subject, None)]
        return bool(said) and said[-1]

    def ruled(self, number: int, version: int) -> Ruled:
        return Ruled(all(self.allows(each, version) for each in NUMBERS[number]), "", until=LATER)


class Remembering(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.history = History()
        self.memory = Memory(self.history)

    def ask(self, number: int, at: At) -> None:
        """As a reader does: remembered, or asked anew and kept. Both must say the same."""
        version, key = (at.changes,), (number, WHO)
        true = self.history.ruled(number, at.changes)
        known = self.memory.ruling(at, version, key, NOW)
        assert known is None or known == true, "what is remembered is out of date"
        self.memory.keep(version, key, NUMBERS[number], true)

    @rule(subject=st.sampled_from(SUBJECTS), allowed=st.booleans())
    def decide(self, subject, allowed):
        self.history.changes.append((subject, allowed))

    @rule(allowed=st.booleans())
    def change_for_everybody(self, allowed):
        self.history.changes.append((None, allowed))

    @rule(number=st.sampled_from(sorted(NUMBERS)))
    def read(self, number):
        self.ask(number, At(len(self.history.changes)))

    @rule(number=st.sampled_from(sorted(NUMBERS)), behind=st.integers(0, 3))
    def read_in_an_older_snapshot(self, number, behind):
        self.ask(number, At(max(0, len(self.history.changes) - behind)))

    @rule(subject=st.sampled_from(SUBJECTS), numbers=st.lists(st.sampled_from(sorted(NUMBERS)), max_size=3))
    def come_to_nothing(self, subject, numbers):
        """A transaction decides something, reads, and is undone: its number is taken by another change."""
        self.history.changes.append((subject, True))
        for number in numbers:
            self.ask(number, At(len(self.history.changes), untouched=False))
        self.history.changes.pop()

    @precondition(lambda self: self.history.changes)
    @rule()
    def go_back(self):
        """Another server takes the place of one whose last commit it had not received; its next is another one."""
        self.history.changes.pop()
        self.ask(1, At(len(self.history.changes)))

    @invariant()
    def nothing_is_kept_that_no_change_could_find(self):
        indexed = {key for keys in self.memory._single.values() for key in keys} | self.memory._joint
        assert set(self.memory._held) <= indexed


TestRemembering = Remembering.TestCase


def test_what_others_decide_leaves_a_ruling_as_it_is():
    history = History()
    history.changes = [("a", True), ("b", True)]
    memory = Memory(history)
    for number in (1, -1, -2):
        memory.ruling(At(2), (2,), (number, WHO), NOW)
        memory.keep((2,), (number, WHO), NUMBERS[number], history.ruled(number, 2))
    history.changes.append(("c", True))
    assert memory.ruling(At(3), (3,), (1, WHO), NOW) is not None
    assert memory.ruling(At(3), (3,), (-1, WHO), NOW) is not None
    assert memory.ruling(At(3), (3,), (-2, WHO), NOW) is None, "one of its subjects has decided"
    assert history.asked == [(2, 3)]


@given(st.integers(0, 2_000))
def test_nothing_is_remembered_beyond_its_date(at):
    memory = Memory(History())
    memory.ruling(At(0), (0,), (1, WHO), NOW)
    memory.keep((0,), (1, WHO), ("a",), Ruled(True, "", until=LATER))
    assert (memory.ruling(At(0), (0,), (1, WHO), Instant(at)) is not None) is (at < LATER)
    assert memory.permits((1, WHO), Instant(at)) is (at < LATER)
