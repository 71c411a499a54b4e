"""One of everything that has an id and an owner, behind a door over real services: what others must not reach.

Most of it is made through the door, as people do; what needs an authenticator, an outside issuer or a shell is stored.
"""

from dataclasses import dataclass, field
from typing import Any

import httpx

from nexus.app.operations import operation
from nexus.bastion.model import Holder, ShellSession, new_session_id
from nexus.bastion.store import add_session
from nexus.crypto.signatures import signed
from nexus.iam.model import Role
from nexus.iam.store import device_certificates, directory, federation, passkeys
from nexus.iam.supervision import DirectoryGroup
from nexus.kernel.clock import DAY, Instant, rfc3339
from nexus.kernel.database import Bookkeeping, Transaction
from nexus.kernel.ids import new_id
from nexus.kernel.operation import OperationSpec
from nexus.projects.model import Decision, DecisionKind, LegalBasis, Project, ProjectState, StudyPurpose
from nexus.projects.store import add_decision, add_project
from nexus.pseudonyms.file_store import FileJob
from nexus.pseudonyms.file_store import add as add_file
from nexus.pseudonyms.requests import FileState, RewriteFile
from nexus.warehouse.intake import store as intake
from nexus.warehouse.intake.agreement import Agreement, Column, Table
from nexus.warehouse.intake.model import Delivery, DeliveryState, Provider
from nexus.warehouse.releases import manifest
from nexus.warehouse.releases import store as releases
from nexus.warehouse.releases.model import ReleaseRecord, ReleaseState
from nexus.web.binding import has_body, path_fields
from simulators.whole_door import WholeDoor

WHY = "the ward system is down and a patient waits"


@dataclass
class Belongings:
    """`theirs`: kind of thing -> the id of one that exists and is Vera's, or the platform's. `ids`: login -> person."""

    door: WholeDoor
    theirs: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    async def send(
        self, login: str, spec: OperationSpec, document: dict[str, Any], *, proof: str = "", purpose: str = "operation"
    ) -> httpx.Response:
        """One request, in this person's session."""
        path = spec.path.format(**{name: document[name] for name in path_fields(spec)})
        rest = {name: part for name, part in document.items() if name not in path_fields(spec)}
        headers = {"Nexus-Purpose": purpose, **({"Nexus-Step-Up": proof} if proof else {})}
        async with self.door.client(self.door.tokens[login], **headers) as http:
            sent: dict[str, Any] = {"json": rest} if has_body(spec) else {"params": rest}
            return await http.request(spec.method, path, **sent)

    async def do(self, _who: str, _name: str, **document: Any) -> Any:
        """A request that must succeed; the document that it answers."""
        answer = await self.send(_who, operation(_name), document)
        assert answer.status_code in {200, 204}, (_name, answer.text)
        return answer.json() if answer.content else None

    async def join(self, login: str) -> None:
        """Alice invites somebody, who enrols and signs in."""
        invited = await self.do(
            "alice", "iam.person.create", login=login, name=login.title(), email=f"{login}@hub.example"
        )
        self.ids[login] = invited["person"]
        await self.door.enrol(login, invited["code"])

    async def grant(self, login: str, role: Role, scope: str) -> str:
        """A right, by Bruno."""
        given = {"identity": self.ids[login], "role": role.value, "scope": scope, "ends_at": self.in_days(30)}
        return str((await self.do("bruno", "iam.role.grant", **given))["id"])

    def in_days(self, days: int) -> str:
        return rfc3339(self.door.ground.clock.now() + days * DAY)

    async def settle(self) -> "Belongings":
        """Vera has one of everything; the platform has what belongs to nobody."""
        self.ids = {login: (await self.do(login, "iam.me.read"))["id"] for login in ("alice", "bruno")}
        await self.join("vera")
        await self._of_vera()
        await self._of_a_patient()
        await self._of_the_platform()
        await self.door.ground.database.bookkeep(Bookkeeping.PROGRESS, self._stored)
        return self

    async def _of_vera(self) -> None:
        vera, ends = self.ids["vera"], self.in_days(20)
        theirs = self.theirs
        theirs["person"] = vera
        theirs["session"] = (await self.do("vera", "iam.session.list", identity=vera))["sessions"][0]["id"]
        theirs["machine"] = (await self.do("alice", "iam.machine.create", name="sync", owner=vera))["id"]
        theirs["role"] = await self.grant("vera", Role.DATA_STEWARD, "site:theirs")
        credential = {"identity": vera, "expires_at": ends}
        theirs["access-key"] = (await self.do("vera", "iam.access-key.create", purpose="care", **credential))["id"]
        theirs["token"] = (await self.do("vera", "iam.token.create", label="cron", **credential))["id"]
        derived = await self.do("vera", "iam.temporary-key.create", identity=vera, purpose="care")
        theirs["temporary-key"] = derived["id"]
        right = {"identity": vera, "scope": "project:theirs", "ends_at": ends}
        eligible = await self.do("bruno", "iam.eligibility.grant", role="researcher", **right)
        theirs["eligibility"] = eligible["id"]
        opened = await self.do("vera", "iam.elevation.open", eligibility=eligible["id"], reason=WHY)
        theirs["elevation"] = opened["id"]
        asked = {**right, "role": "output_checker", "reason": WHY}
        theirs["access-request"] = (await self.do("vera", "iam.access-request.create", **asked))["id"]
        emergency = {**right, "role": "data_provider", "scope": "site:theirs", "kind": "emergency"}
        smash = (await self.do("bruno", "iam.eligibility.grant", **emergency))["id"]
        broken = await self.do("vera", "iam.break-glass.open", eligibility=smash, reason=WHY, purpose="care")
        theirs["break-glass"] = broken["id"]

    async def _of_a_patient(self) -> None:
        """A patient of Vera's site, with a decision and a request of hers."""
        theirs, now = self.theirs, rfc3339(self.door.ground.clock.now())
        await self.grant("vera", Role.CONSENT_DESK, "site:theirs")
        registered = await self.do("vera", "consent.subject.register", site="theirs", reference="8004")
        theirs["subject"] = registered["subject"]
        objection = {"subject": theirs["subject"], "kind": "objection", "capacity": "self", "decided_at": now}
        theirs["consent-decision"] = (await self.do("vera", "consent.decision.record", **objection))["id"]
        filed = {"subject": theirs["subject"], "kind": "access", "received_at": now}
        theirs["consent-request"] = (await self.do("vera", "consent.request.file", **filed))["id"]

    async def _of_the_platform(self) -> None:
        theirs = self.theirs
        await self.join("twin")
        await self.do("alice", "iam.same-person.record", identity=self.ids["vera"], other=self.ids["twin"])
        theirs["same-person"] = self.ids["vera"]
        theirs["client"] = (await self.do("alice", "iam.client.create", name="Notebooks", redirect_uris=["https://a.example/"]))["id"]  # fmt: skip
        theirs["review"] = (await self.do("alice", "iam.review.open"))["id"]
        items = (await self.do("alice", "iam.review.items", id=theirs["review"]))["items"]
        theirs["review-item"] = next(each["id"] for each in items if each["identity"] == self.ids["vera"])
        made = {"owner": "site:theirs", "purpose": "theirs", "rotation_days": 90}
        theirs["key"] = (await self.do("alice", "kms.key.create", **made))["id"]
        await self.do("vera", "objects.bucket.create", name="theirs", site="theirs")
        await self.do("vera", "objects.bucket.create", name="theirs-in", site="theirs", kind="ingress")
        theirs |= {"bucket": "theirs", "project": "theirs", "resource": "Bucket:theirs", "entry": "0"}
        theirs["approval"] = await self._waiting_for_approval()
        denied = await self.send("vera", operation("iam.person.list"), {})
        theirs["denied-operation"] = denied.json()["operation"]

    async def _waiting_for_approval(self) -> str:
        """Alice proposes to delete somebody, with a fresh factor."""
        spec, document = operation("iam.person.delete"), {"id": self.ids["twin"]}
        digest = (await self.send("alice", spec, document)).json()["digest"]
        code = self.door.authenticators["alice"].at(int(self.door.ground.clock.now() // 1_000_000) + 30)
        proof = (await self.do("alice", "iam.step-up.prove", digest=digest, totp=code))["proof"]
        return str((await self.send("alice", spec, document, proof=proof)).json()["id"])

    def _stored(self, tx: Transaction) -> None:
        now, vera, theirs = self.door.ground.clock.now(), self.ids["vera"], self.theirs
        ends = Instant(now + 20 * DAY)
        theirs |= {kind: new_id(prefix) for kind, prefix in _STORED.items()} | {"recording": new_session_id()}
        passkeys.add(tx, passkeys.PasskeyRow(theirs["passkey"], vera, b"c", b"k", 0, "key", "", False, now, None, None))
        federation.add(tx, federation.Link(theirs["federation"], "psc", "subject", vera, now, None))
        device = device_certificates.DeviceRow(theirs["device"], vera, "laptop", b"f" * 32, vera, now, ends, None)
        device_certificates.add(tx, device)
        directory.register(tx, theirs["machine"], ends, self.ids["alice"], now)
        theirs["directory"] = theirs["machine"]
        group = DirectoryGroup(theirs["directory-group"], "team", Role.RESEARCHER, "project:theirs", ends)
        directory.add_group(tx, group, self.ids["alice"], now)
        holder = Holder(vera, "vera", theirs["session"])
        shell = ShellSession(theirs["recording"], holder, "192.0.2.9", "", now, None, None, 0, 0, b"sealed")
        add_session(tx, shell, 1)
        purpose, basis = next(iter(StudyPurpose)), next(iter(LegalBasis))
        study = Project(
            *(new_id("prj"), "theirs", "A study", "CHU", purpose, basis, "what is studied"),
            *(ProjectState.REQUESTED, vera, now, now),
        )
        add_project(tx, study)
        decided = (theirs["decision"], study.id, next(iter(DecisionKind)), "a reference")
        add_decision(tx, Decision(*decided, now, ends, vera), now)
        agreed = Agreement(schema_version="1", tables=(Table(name="stays", columns=(Column(name="stay"),)),))
        site = Provider(new_id("prv"), "theirs", "Their hospital", "theirs", "theirs-in", agreed, 1, vera, now)
        intake.add_provider(tx, site)
        named = (new_id("dlv"), site.id, 7, 1, DeliveryState.WAITING, "7/manifest.json", "v", "0" * 64, None)
        intake.add_delivery(tx, Delivery(*named, vera, now))
        theirs |= {"provider": "theirs", "delivery": "7"}
        theirs["release"] = new_id("rel")
        whose = (theirs["release"], "theirs", "theirs-release", ReleaseState.BUILT, "", "")
        kept = example_manifest("theirs", theirs["decision"])
        releases.add(tx, ReleaseRecord(*whose, vera, now, vera, now, kept.release.digest()))
        releases.add_manifest(tx, theirs["release"], kept.release.digest(), manifest.encode(kept), now)
        theirs["file"] = new_id("psf")
        add_file(
            tx, FileJob(theirs["file"], example_file("theirs-in", "theirs"), FileState.WAITING, vera, now, "quality")
        )


def example_manifest(project: str, permit: str) -> manifest.Manifest:
    """Of a release without a table."""
    source = manifest.Source(cdm="", vocabulary="", quality_sha256="", code="")
    days = {"period_from": "2020-01-01", "period_until": "2025-01-01"}
    made = {"made": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z", "domain": "THEIRS", "cohort": ""}
    said = manifest.Release(
        project=project, permit=permit, consent="0.0", source=source, buckets=8, tables=(), **days, **made
    )
    return manifest.Manifest(release=said, signature=signed("key_1.1", b"p" * 32, b"s" * 64))


def example_file(bucket: str, into: str) -> RewriteFile:
    """A file that waits to be rewritten."""
    return RewriteFile(bucket=bucket, key="a.csv", into=into, into_key="b.csv", domain="EMC2", pseudonyms=("who",))


_STORED = {"passkey": "psk", "federation": "fed", "device": "dev", "directory-group": "grp", "decision": "dec"}
