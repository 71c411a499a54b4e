"""What a lock forbids, and who may change it: every transition, as pure rules."""

import pytest

from nexus.kernel.clock import DAY, Instant
from nexus.kernel.errors import Denied, Invalid
from nexus.objects.retention import (
    MAX_UNTIL_DAYS,
    DefaultRetention,
    Lock,
    Mode,
    check_default,
    check_removal,
    default_of,
    hold,
    retained,
)

NOW = Instant(1_000 * DAY)
LATER, LATEST = Instant(NOW + 10 * DAY), Instant(NOW + 20 * DAY)
GOVERNANCE = Lock(mode=Mode.GOVERNANCE, until=LATER)
COMPLIANCE = Lock(mode=Mode.COMPLIANCE, until=LATER)


@pytest.mark.parametrize("lock", [None, Lock(), Lock(mode=Mode.COMPLIANCE, until=NOW)])
def test_what_is_not_locked_or_not_any_more_is_removed(lock):
    check_removal(lock, NOW, bypass=False)


@pytest.mark.parametrize(
    ("lock", "bypass"),
    [
        (GOVERNANCE, False),
        (COMPLIANCE, False),
        (COMPLIANCE, True),
        (Lock(held=True), False),
        (Lock(held=True), True),
        (Lock(mode=Mode.GOVERNANCE, until=LATER, held=True), True),
        (Lock(mode=Mode.GOVERNANCE, until=NOW, held=True), True),
    ],
)
def test_what_is_locked_stays(lock, bypass):
    with pytest.raises(Denied):
        check_removal(lock, NOW, bypass=bypass)


def test_to_bypass_ends_a_governance_retention():
    check_removal(GOVERNANCE, NOW, bypass=True)


@pytest.mark.parametrize("lock", [GOVERNANCE, COMPLIANCE])
def test_a_retention_is_prolonged_by_whoever_may_lock(lock):
    assert retained(lock, lock.mode, LATEST, NOW, bypass=False) == Lock(mode=lock.mode, until=LATEST)


@pytest.mark.parametrize(
    ("mode", "until"), [(Mode.GOVERNANCE, NOW + DAY), (None, 0), (Mode.COMPLIANCE, LATER), (Mode.COMPLIANCE, LATEST)]
)
def test_a_governance_retention_changes_otherwise_only_by_bypassing_it(mode, until):
    with pytest.raises(Denied):
        retained(GOVERNANCE, mode, Instant(until), NOW, bypass=False)
    assert retained(GOVERNANCE, mode, Instant(until), NOW, bypass=True).mode is mode


@pytest.mark.parametrize("mode", [Mode.GOVERNANCE, Mode.COMPLIANCE, None])
def test_a_compliance_retention_is_weakened_by_nobody(mode):
    with pytest.raises(Denied):
        retained(COMPLIANCE, mode, Instant(NOW + DAY), NOW, bypass=True)


def test_after_its_end_a_retention_says_nothing():
    over = Lock(mode=Mode.COMPLIANCE, until=NOW, held=True)
    assert retained(over, Mode.GOVERNANCE, LATER, NOW, bypass=False) == Lock(
        mode=Mode.GOVERNANCE, until=LATER, held=True
    )


@pytest.mark.parametrize("until", [NOW, NOW - DAY, NOW + (MAX_UNTIL_DAYS + 1) * DAY])
def test_a_retention_ends_in_the_future_and_in_this_civilisation(until):
    with pytest.raises(Invalid):
        retained(None, Mode.GOVERNANCE, Instant(until), NOW, bypass=True)


def test_a_hold_is_laid_by_one_and_lifted_by_bypassing_it():
    held = hold(GOVERNANCE, held=True, bypass=False)
    assert held == Lock(mode=Mode.GOVERNANCE, until=LATER, held=True)
    assert hold(held, held=True, bypass=False) == held
    with pytest.raises(Denied):
        hold(held, held=False, bypass=False)
    assert hold(held, held=False, bypass=True) == GOVERNANCE
    assert hold(None, held=False, bypass=False) == Lock()


@pytest.mark.parametrize(("number", "unit"), [(1, "days"), (36_500, "days"), (1, "years"), (100, "years")])
def test_a_default_is_written_and_read(number, unit):
    default = DefaultRetention(mode=Mode.GOVERNANCE, number=number, unit=unit)
    check_default(default)
    assert default_of(str(default)) == default
    assert default.lock(NOW).until == NOW + number * DAY * (365 if unit == "years" else 1)


@pytest.mark.parametrize(("number", "unit"), [(0, "days"), (-1, "years"), (36_501, "days"), (101, "years")])
def test_a_default_lasts_a_day_at_least_and_a_century_at_most(number, unit):
    with pytest.raises(Invalid):
        check_default(DefaultRetention(mode=Mode.GOVERNANCE, number=number, unit=unit))


@pytest.mark.parametrize("text", [None, "", "governance", "governance 1 weeks", "GOVERNANCE 1 days"])
def test_no_default_is_none(text):
    assert default_of(text) is None
