"""Certificates for those who may open a session, and what they need to know the door by."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Protocol

from nexus.bastion import certificates, rules, store
from nexus.bastion.certificates import ED25519, PERMIT_PTY, SOURCE_ADDRESS, USER, Certificate
from nexus.bastion.model import CERTIFICATE_BACKDATE_S, CERTIFICATE_VALID, Holder
from nexus.bastion.ports import Authority, Standing
from nexus.bastion.requests import BastionHost, IssueCertificate, IssuedCertificate, Nothing
from nexus.bastion.rules import Attempt
from nexus.kernel.clock import SECOND, Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Denied, NexusError, Unavailable
from nexus.kernel.operation import PLATFORM, Operation

ISSUE = "bastion.certificate.issue"


class Door(Protocol):
    """Where the bastion listens."""

    def address(self) -> tuple[str, int]:
        """Name or address, and port. Raises Unavailable where the bastion is closed."""


@dataclass(frozen=True, slots=True)
class Issuing:
    """The authority at work."""

    database: Database
    authority: Authority
    standing: Standing
    door: Door
    clock: Clock

    async def issue(self, op: Operation, request: IssueCertificate) -> IssuedCertificate:
        """A certificate of five minutes for one session from the address that asks. Recorded before it is returned.

        Raises Invalid on another kind of key or origin, Denied without a sign-in, Unavailable where no key can be had.
        """
        key = certificates.parse_public_key(request.public_key)
        address = rules.plain_address(op.origin)
        holder = self._holder(op)
        host = await self._host(op)
        now = self.clock.now() // SECOND
        keys = await self.authority.keys(op)
        certificate = Certificate(
            key=key,
            serial=secrets.randbits(64),
            kind=USER,
            key_id=rules.key_id(holder.person, holder.sign_in),
            principals=(holder.login,),
            valid_after=now - CERTIFICATE_BACKDATE_S,
            valid_before=now + CERTIFICATE_VALID // SECOND,
            options=((SOURCE_ADDRESS, certificates.source_address(address)),),
            extensions=((PERMIT_PTY, b""),),
            authority=keys[0],
        )
        tbs = certificates.to_be_signed(certificate, secrets.token_bytes(certificates.NONCE_BYTES))
        content = certificates.signed(tbs, await self.authority.sign(op, tbs))
        self._check(content, Attempt(holder.login, address, now), keys[0])
        until = Instant(certificate.valid_before * SECOND)
        entry = op.allowed(
            ISSUE, PLATFORM, serial=str(certificate.serial), key=fingerprint(key.blob), address=address, until=until
        )
        await self.database.record(entry)
        return IssuedCertificate(
            certificate=certificates.line_of(content, f"{holder.login}@nexus"),
            login=holder.login,
            serial=str(certificate.serial),
            valid_until=until,
            bastion=host,
        )

    async def read_host(self, op: Operation, request: Nothing) -> BastionHost:
        """Where the bastion listens and the key that it shows. Raises Unavailable where it is closed."""
        host = await self._host(op)
        await self.database.record(op.allowed("bastion.host.read", PLATFORM))
        return host

    def _holder(self, op: Operation) -> Holder:
        person, sign_in = op.actor.person, op.actor.session
        login = self.standing.login(person) if person else None
        if person is None or sign_in is None or login is None or op.actor.id != person:
            raise _nobody()
        holder = Holder(person, login, sign_in)
        if self.standing.actor(holder) is None:
            raise _nobody()
        return holder

    def _check(self, content: bytes, attempt: Attempt, key: bytes) -> None:
        """Judge our own work as the door will: a key that was rotated in between gave another signature."""
        try:
            rules.judge(certificates.open_certificate(content), attempt, frozenset({key}))
        except NexusError as error:
            raise Unavailable("the authority has just changed its key: ask again", code="bastion.rotated") from error

    async def _host(self, op: Operation) -> BastionHost:
        name, port = self.door.address()
        with self.database.read() as tx:
            public = store.host_key(tx)
        if public is None:
            raise Unavailable("the bastion has not started yet", code="bastion.closed")
        line = public_line(public)
        return BastionHost(
            host=name,
            port=port,
            host_key=line,
            fingerprint=fingerprint(certificates.ed25519_blob(public)),
            known_hosts=f"[{name}]:{port} {line}",
            authorities=tuple(map(public_line, await self.authority.keys(op))),
        )


def _nobody() -> Denied:
    return Denied("only a signed-in person gets a certificate", code="bastion.nobody", hint="`nexus login`")


def public_line(public: bytes) -> str:
    """A raw Ed25519 key as in a `.pub` file."""
    return f"{ED25519} {base64.b64encode(certificates.ed25519_blob(public)).decode()}"


def fingerprint(blob: bytes) -> str:
    """As OpenSSH shows it."""
    return f"SHA256:{base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip('=')}"


async def publish_host_key(database: Database, op: Operation, public: bytes) -> None:
    """Called by the bastion when it starts: from now on this is the key that clients are told."""
    with database.read() as tx:
        known = store.host_key(tx)
    if known == public:
        return
    entry = op.allowed("bastion.host.publish", PLATFORM, key=fingerprint(certificates.ed25519_blob(public)))

    def work(tx: Transaction) -> Recorded[None]:
        store.set_host_key(tx, public)
        return Recorded(None, entry)

    await database.write(work)
