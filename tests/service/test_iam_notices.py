"""A person hears of what happens to her account: she is the first who can tell that it was not her."""

import pytest

from nexus.iam.model import NoticeKind
from nexus.iam.requests.forms import OfIdentity
from nexus.iam.requests.sessions import SignIn
from nexus.iam.store.notices import MAX_NOTICES
from nexus.kernel.clock import MINUTE
from nexus.kernel.errors import Denied, Unauthenticated
from nexus.kernel.secret import Secret
from simulators.people import open_platform


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


async def told(platform, human):
    """Kind -> (how often, from where, seen) of each notice."""
    found = await platform.call("iam.notice.list", platform.op(human), OfIdentity(identity=human.id))
    return {notice.kind: (notice.times, notice.origin, notice.seen) for notice in found.notices}


async def test_signing_in_from_a_new_device_is_told_and_from_a_known_one_is_not(platform):
    ada, _ = await platform.found("ada", "bob")
    first = (await told(platform, ada))[NoticeKind.NEW_DEVICE]
    platform.clock.advance(MINUTE)
    await platform.sign_in(ada)
    assert (await told(platform, ada))[NoticeKind.NEW_DEVICE] == first
    ada.device = None
    platform.clock.advance(MINUTE)
    await platform.sign_in(ada)
    assert (await told(platform, ada))[NoticeKind.NEW_DEVICE][0] == first[0] + 1


async def test_whoever_knows_the_password_but_not_the_code_gives_himself_away(platform):
    ada, bob = await platform.found("ada", "bob")
    await platform.call("iam.notice.acknowledge", platform.op(ada), OfIdentity(identity=ada.id))
    for origin, password in (
        ("198.51.100.7", ada.password),
        ("198.51.100.7", ada.password),
        ("198.51.100.8", "something else entirely 3"),
    ):
        with pytest.raises(Unauthenticated):
            guess = SignIn(login="ada", password=Secret(password.encode()), totp=Secret(b"000000"))
            await platform.call("iam.session.create", platform.op(origin=origin), guess)
    assert (await told(platform, ada))[NoticeKind.REFUSED_CODE] == (2, "198.51.100.7", False)
    assert NoticeKind.REFUSED_CODE not in await told(platform, bob)


async def test_a_notice_stays_until_the_person_says_that_she_has_seen_it(platform):
    ada, _ = await platform.found("ada", "bob")
    assert {seen for _, _, seen in (await told(platform, ada)).values()} == {False}
    await platform.call("iam.notice.acknowledge", platform.op(ada), OfIdentity(identity=ada.id))
    assert {seen for _, _, seen in (await told(platform, ada)).values()} == {True}
    platform.clock.advance(MINUTE)
    assert (await platform.sign_in(ada)).notices == 0
    ada.device = None
    platform.clock.advance(MINUTE)
    assert (await platform.sign_in(ada)).notices == 1


async def test_nobody_reads_or_hides_the_notices_of_somebody_else(platform):
    ada, bob = await platform.found("ada", "bob")
    for name in ("iam.notice.list", "iam.notice.acknowledge"):
        with pytest.raises(Denied):
            await platform.call(name, platform.op(bob), OfIdentity(identity=ada.id))


async def test_notices_do_not_grow_without_end(platform):
    ada, _ = await platform.found("ada", "bob")
    for number in range(MAX_NOTICES + 5):
        ada.device = None
        platform.clock.advance(MINUTE)
        await platform.sign_in(ada, origin=f"2001:db8:{number:x}::1")
    found = await platform.call("iam.notice.list", platform.op(ada), OfIdentity(identity=ada.id))
    assert len(found.notices) == MAX_NOTICES
