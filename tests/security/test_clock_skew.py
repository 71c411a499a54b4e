"""The platform's own clock is set back: nothing that was used or is stale becomes good again by it. Issue 3."""

from dataclasses import replace

import pytest
from msgspec import structs

from nexus.iam.conditions import FRESH_FACTOR, Conditions
from nexus.iam.gate import Question
from nexus.iam.rules import require_fresh_factor
from nexus.iam.surroundings import SKEW
from nexus.kernel.clock import HOUR, MINUTE, SECOND, Instant
from nexus.kernel.errors import StepUpNeeded, Unauthenticated
from nexus.kernel.operation import Resource
from simulators.people import open_platform

KEY = Resource("Key", "key_1", {"owner": "platform"})


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path, Conditions(fresh_factor_s=900)) as opened:
        yield opened


async def test_a_code_stays_used_when_the_clock_goes_back(platform):
    ada, _ = await platform.found("ada", "ben")
    await platform.sign_in(ada)
    for back, steps in ((0, 0), (SECOND, 0), (MINUTE, 1), (HOUR, 0)):
        platform.clock.advance(-back)
        old = structs.replace(platform.credentials(ada), totp=platform.totp(ada, steps=steps))
        with pytest.raises(Unauthenticated):
            await platform.call("iam.session.create", platform.op(), old)
    platform.clock.advance(HOUR + MINUTE + SECOND)
    await platform.sign_in(ada)


async def test_a_factor_that_was_proved_in_the_future_is_not_fresh(platform):
    """A clock that is set right by a second or two is forgiven; one that went back by more makes every proof stale."""
    ada, _ = await platform.found("ada", "ben")
    now, asked = platform.clock.now(), "kms.key.rotate"

    def decided(proved_at: int):
        actor = replace(ada.actor, proved_at=Instant(proved_at))
        op = platform.op(actor)
        try:
            require_fresh_factor(op, now)
            young = True
        except StepUpNeeded:
            young = False
        return platform.gate.decide(Question(actor, asked, KEY, "operation", op.origin)), young

    assert decided(now)[0].allowed and decided(now + SKEW)[0].allowed
    for ahead in (SKEW + 1, HOUR, 1_000 * HOUR):
        decision, young = decided(now + ahead)
        assert not decision.allowed and decision.conditions == (FRESH_FACTOR,) and not young
    assert not decided(now - HOUR)[0].allowed


async def test_a_proof_of_the_future_counts_once_its_time_has_come(platform):
    """What is remembered of it does not outlive the moment in which it stops being one of the future."""
    ada, _ = await platform.found("ada", "ben")
    actor = replace(ada.actor, proved_at=Instant(platform.clock.now() + HOUR))
    question = Question(actor, "kms.key.rotate", KEY, "operation", platform.op(actor).origin)
    seen = []
    for step in (0, HOUR - SKEW - 1, 1, SKEW, 15 * MINUTE, 1):
        platform.clock.advance(step)
        seen.append(platform.gate.permits(question))
    assert seen == [False, False, True, True, True, False]
    platform.clock.advance(-2 * HOUR)
    assert not platform.gate.permits(question)
