"""What a session says of itself: which factors opened it, and when the last one was proved."""

from nexus.iam import tokens
from nexus.iam.authenticator import Authenticator
from nexus.iam.migrations import MIGRATIONS
from nexus.iam.model import Purpose
from nexus.iam.requests.forms import OfIdentity
from nexus.iam.requests.machines import CreateToken
from nexus.kernel.clock import DAY, MINUTE, Instant
from nexus.kernel.database import Bookkeeping
from nexus.kernel.secret import Secret
from simulators.clock import ManualClock
from simulators.databases import database as open_database
from simulators.people import BROWSER, HOME, SEALING_KEY, open_platform
from simulators.recorder import MemoryRecorder

BOTH = {"password", "totp"}


async def test_the_actor_of_a_session_carries_its_factors_and_when_the_last_was_proved(tmp_path):
    """NX-09."""
    with open_platform(tmp_path) as platform:
        ada, _ = await platform.found("ada", "ben")
        opened = platform.clock.now()
        await platform.sign_in(ada)
        platform.clock.advance(MINUTE)
        actor = await platform.authenticator.session(ada.token, HOME, BROWSER)
        assert actor.factors == BOTH and opened < actor.proved_at < platform.clock.now()
        listed = await platform.call("iam.session.list", platform.op(ada), OfIdentity(identity=ada.id))
        assert (set(listed.sessions[-1].factors), listed.sessions[-1].proved_at) == (BOTH, actor.proved_at)


async def test_the_entry_of_a_sign_in_is_that_of_somebody_who_proved_her_factors(tmp_path):
    with open_platform(tmp_path) as platform:
        ada, _ = await platform.found("ada", "ben")
        actor = platform.entries("iam.session.create")[0].operation.actor
        assert (actor.id, actor.factors) == (ada.id, BOTH)


async def test_a_token_or_an_access_key_proves_no_factor(tmp_path):
    with open_platform(tmp_path) as platform:
        ada, _ = await platform.found("ada", "ben")
        ends = Instant(platform.clock.now() + DAY)
        request = CreateToken(identity=ada.id, label="monitoring", expires_at=ends)
        made = await platform.call("iam.token.create", platform.op(ada, purpose=Purpose.OPERATION), request)
        actor = await platform.authenticator.session(made.token.reveal().decode(), HOME, BROWSER)
        assert (actor.session, actor.factors, actor.proved_at) == (None, frozenset(), None)


async def test_a_session_opened_before_factors_were_kept_goes_on(tmp_path):
    clock, token = ManualClock(), "nxs_from-before"
    db = open_database(tmp_path / "old.db", key=Secret(b"k" * 32), recorder=MemoryRecorder(), bare=True)
    db.migrate(MIGRATIONS[:1])
    now = clock.now()

    def before(tx):
        tx.execute("INSERT INTO iam_identity VALUES ('per_1', 'person', 'Ada', 'per_1', 'active', 'x', ?)", (now,))
        tx.execute(
            "INSERT INTO iam_session VALUES ('ses_1', ?, 'per_1', ?, ?, ?, ?, ?)",
            (tokens.fingerprint(token), HOME, BROWSER, now - 5, now, now + DAY),
        )

    await db.bookkeep(Bookkeeping.MIGRATION, before)
    db.migrate(MIGRATIONS)
    actor = await Authenticator(db, clock, SEALING_KEY).session(token, HOME, BROWSER)
    assert (actor.id, actor.factors, actor.proved_at) == ("per_1", BOTH, now - 5)
    db.close()
