"""Signing in with an outside issuer, and linking one's account to it. Numbered steps:

1. **Begin.** We send the browser to the issuer with a state, a nonce and a PKCE challenge of this transaction alone.
2. **Come back.** The transaction that this browser kept is taken, once; `iss`, where the issuer gives it, is the one asked.
3. **Exchange.** The code becomes an ID token, which is verified (`assertion.py`).
4. **Link**: a signed-in person, who proved a factor just now, takes the subject as hers. One subject, one person.
   **Sign in**: the subject's person, if there is one and she is active, gets the roles that the claims give, and a session.
"""

from collections.abc import Mapping, Sequence

from nexus.iam import tokens
from nexus.iam.federation.assertion import Assertion
from nexus.iam.federation.fetching import Transport, over_the_network
from nexus.iam.federation.issuer import OutsideIssuer
from nexus.iam.federation.provider import OutsideProvider
from nexus.iam.federation.roles import ClaimedRoles
from nexus.iam.federation.transaction import Transactions, challenge_of, same
from nexus.iam.grants import GrantStories
from nexus.iam.model import IdentityState, NoticeKind
from nexus.iam.notices import tell
from nexus.iam.opening import Opener, Proved
from nexus.iam.requests.federation import (
    BeginFederation,
    BeginLink,
    CompleteFederation,
    CompleteLink,
    FederationBegun,
    Links,
    LinkView,
    OutsideIssuers,
    OutsideIssuerView,
)
from nexus.iam.requests.forms import ById, Nothing, OfIdentity
from nexus.iam.requests.sessions import SignedIn
from nexus.iam.sealing import Sealing
from nexus.iam.store import credentials, federation, identities
from nexus.iam.store.federation import CameFrom, Link
from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Denied, NotFound, Unauthenticated
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Entry, Operation, Resource

CALLBACK_PATH = "/federation/callback"
"""Where at the console's address outside issuers send browsers back to; register it with each of them."""
MAX_LINKS = 10
"""Outside accounts of one person."""


class FederationStories:
    """People who prove themselves elsewhere."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        issuers: Sequence[OutsideIssuer],
        back: str,
        sealing: Sealing,
        grants: GrantStories,
        transport: Transport = over_the_network,
        passkeys_only: bool = False,
    ) -> None:
        """`back`: the address of ours that issuers send browsers back to. `passkeys_only`: as in `Opener`."""
        self._db = db
        self._clock = clock
        self._back = back
        self._transactions = Transactions(db, clock, sealing)
        self._opener = Opener(db, clock, passkeys_only=passkeys_only)
        self._roles = ClaimedRoles(db, clock, grants)
        self._providers: Mapping[str, OutsideProvider] = {
            issuer.name: OutsideProvider(issuer, clock, transport) for issuer in issuers
        }

    async def issuers(self, op: Operation, request: Nothing) -> OutsideIssuers:
        """The outside issuers that one may sign in with: what the sign-in page offers to everybody."""
        listed = [provider.issuer for provider in self._providers.values()]
        return OutsideIssuers(
            issuers=tuple(OutsideIssuerView(name=each.name, title=each.title, titre=each.titre) for each in listed)
        )

    async def begin(self, op: Operation, request: BeginFederation) -> FederationBegun:
        """Begin a sign-in. Raises NotFound, or Unavailable if the issuer does not answer."""
        return await self._begin(op, request.issuer)

    async def complete(self, op: Operation, request: CompleteFederation) -> SignedIn:
        """Open a session for whom the issuer vouches for. Raises Unauthenticated, or Unavailable."""
        provider, said = await self._said(op, request)
        with self._db.read() as tx:
            link = federation.of_subject(tx, provider.issuer.url, said.subject)
            person = identities.factors_of(tx, link.person) if link else None
            device = tokens.fingerprint(request.device) if request.device else None
            known = device is not None and person is not None
            known = known and credentials.known_device(tx, device or b"", person.person if person else "", op.at)
        if link is None or person is None or person.state is not IdentityState.ACTIVE:
            raise _nobody()
        await self._roles.renew(op, person.person, provider.issuer, said.claims)

        def guard(tx: Transaction) -> Entry | None:
            still = identities.factors_of(tx, link.person)
            if still is None or still.state is not IdentityState.ACTIVE or not federation.used(tx, link.id, op.at):
                raise _nobody()  # suspended, or unlinked, since we looked
            return None

        vouched = CameFrom(provider.issuer.url, said.subject, said.sid)
        proved = Proved(person.person, person.name, said.factors, device if known else None, vouched=vouched)
        return await self._opener.open(op, proved, guard, _nobody())

    async def begin_link(self, op: Operation, request: BeginLink) -> FederationBegun:
        """Begin to link one's account. Raises as `begin` does."""
        return await self._begin(op, request.issuer)

    async def link(self, op: Operation, request: CompleteLink) -> LinkView:
        """Link the outside account to oneself. Raises Unauthenticated, Unavailable, Conflict (it is somebody's)."""
        if op.actor.session is None or op.actor.id != request.identity:
            raise Denied("one links one's own account, in a session", code="iam.federation-own")
        provider, said = await self._said(op, request)
        new = Link(new_id("fed"), provider.issuer.url, said.subject, request.identity, self._clock.now(), None)

        def work(tx: Transaction) -> Recorded[LinkView]:
            if federation.of_subject(tx, new.issuer, new.subject) is not None:
                raise Conflict("this outside account is linked already", code="iam.federation-linked")
            if len(federation.of_person(tx, new.person)) >= MAX_LINKS:
                raise Conflict(f"you have {MAX_LINKS} linked accounts", code="iam.federation-links", hint="remove one")
            federation.add(tx, new)
            tell(tx, new.person, NoticeKind.LINKED, op.at, op.origin)
            return Recorded(_view(new), _entry(op, "iam.federation.link", new))

        return await self._db.write(work)

    async def list_links(self, op: Operation, request: OfIdentity) -> Links:
        """The outside accounts of a person."""
        with self._db.read() as tx:
            found = federation.of_person(tx, request.identity)
        await self._db.record(op.allowed("iam.federation.list", Resource("Identity", request.identity)))
        return Links(links=tuple(_view(link) for link in found))

    async def unlink(self, op: Operation, request: ById) -> None:
        """End a link: the outside account opens nothing any more. Raises NotFound."""

        def work(tx: Transaction) -> Recorded[None]:
            found = federation.find(tx, request.id)
            if found is None or not federation.remove(tx, found.id):
                raise NotFound("no such link", code="iam.no-federation-link")
            tell(tx, found.person, NoticeKind.UNLINKED, op.at, op.origin)
            return Recorded(None, _entry(op, "iam.federation.unlink", found))

        await self._db.write(work)

    async def _begin(self, op: Operation, name: str) -> FederationBegun:
        provider = self._provider(name)
        state, made, kept = self._transactions.new(op, name)
        url = await provider.address(
            state=state, nonce=made.nonce, challenge=challenge_of(made.verifier), back=self._back
        )
        return FederationBegun(url=url, transaction=kept, expires_at=Instant(made.ends_at))

    async def _said(
        self, op: Operation, request: CompleteFederation | CompleteLink
    ) -> tuple[OutsideProvider, Assertion]:
        """Steps 2 and 3."""
        taken = await self._transactions.take(op, request.transaction, request.state)
        provider = self._provider(taken.issuer)
        if (request.iss or (await provider.metadata()).names_itself) and not same(request.iss, provider.issuer.url):
            raise Unauthenticated("another issuer answered", code="iam.federation-mixed-up", hint="begin again")
        code = request.code.reveal().decode("ascii", "replace")
        said = await provider.exchange(code, verifier=taken.verifier, nonce=taken.nonce, back=self._back)
        return provider, said

    def _provider(self, name: str) -> OutsideProvider:
        try:
            return self._providers[name]
        except KeyError as error:
            raise NotFound("no such outside issuer is configured", code="iam.no-federation-issuer") from error


def _entry(op: Operation, action: str, link: Link) -> Entry:
    return op.allowed(action, Resource("Identity", link.person), link=link.id, issuer=link.issuer)


def _view(link: Link) -> LinkView:
    return LinkView(
        id=link.id,
        issuer=link.issuer,
        person=link.person,
        linked_at=link.linked_at,
        last_used_at=link.last_used_at,
    )


def _nobody() -> Unauthenticated:
    return Unauthenticated(
        "this outside account opens nothing here",
        code="iam.federation-unknown",
        hint="sign in here once, and link it from your account page",
    )
