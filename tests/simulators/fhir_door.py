"""A hospital's software at the FHIR door: real identity, gate, consent and audit log behind a real dispatcher, in one database."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from nexus.app.operations import OPERATIONS
from nexus.consent.fhir.app import fhir_routes
from nexus.consent.fhir.facts import fhir_id, scan_url
from nexus.consent.fhir.terms import NO_TERMS, Terms
from nexus.consent.migrations import MIGRATIONS as CONSENT
from nexus.iam.migrations import MIGRATIONS as IAM
from nexus.iam.model import Purpose, Role
from nexus.web.dispatch import Dispatcher
from nexus.web.rest import rest_app
from simulators.audit_log import AuditPlatform
from simulators.consents import Clinic
from simulators.directory import Held
from simulators.people import BROWSER, Human, Platform
from simulators.recorder import MemoryRecorder

SITE, ELSEWHERE = "chu", "clinic"


class FhirHospital:
    """`desk` serves the patients of `chu`, `other_desk` those of another site; `auditor` reads the log, `stranger` may nothing."""

    def __init__(self, root: Path, terms: Terms = NO_TERMS) -> None:
        self.audit = AuditPlatform(root)
        self.audit.db.migrate([*IAM, *CONSENT])
        self.platform = Platform(self.audit.db, self.audit.clock, MemoryRecorder())
        self.clinic = Clinic(self.audit.db, MemoryRecorder(), clock=self.audit.clock)
        platform = self.platform
        dispatcher = Dispatcher(
            OPERATIONS,
            {"iam": platform.service, "consent": self.clinic.service, "audit": self.audit.service},
            lease=Held(),
            authenticator=platform.authenticator,
            gate=platform.gate,
            approvals=platform.approvals,
            step_up=platform.service.step_ups,
            audit=self.audit.db,
            clock=self.audit.clock,
            purposes=[purpose.value for purpose in Purpose],
        )
        self.app = rest_app(dispatcher, lambda: b"{}", more=fhir_routes(dispatcher, self.audit.clock, terms))

    async def people(self) -> "FhirHospital":
        """Everybody who plays a part."""
        ada, ben = await self.platform.found("ada", "ben")
        self.desk, self.other_desk, self.auditor, self.stranger = [
            await self.platform.person(ada, login) for login in ("clara", "noah", "lou", "sam")
        ]
        await self.platform.grant(ben, self.desk.id, Role.CONSENT_DESK, f"site:{SITE}")
        await self.platform.grant(ben, self.other_desk.id, Role.CONSENT_DESK, f"site:{ELSEWHERE}")
        await self.platform.grant_privileged(ben, ada, self.auditor.id, Role.AUDITOR)
        return self

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        who: Human | None = None,
        raw: bytes | None = None,
        **headers: str,
    ) -> httpx.Response:
        """A request below `/fhir`, as the desk unless said otherwise."""
        token = (who or self.desk).token
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = raw if raw is not None else (json.dumps(body).encode() if body is not None else None)
        sent = {"Content-Type": "application/fhir+json", "User-Agent": BROWSER, **named}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        transport = httpx.ASGITransport(self.app, client=("192.0.2.10", 1), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="https://nexus.test") as http:
            return await http.request(method, f"/fhir{path}", content=content, headers=sent)

    async def patient(self, site: str = SITE, reference: str = "", **known: Any) -> str:
        """A registered patient, as FHIR names the subject."""
        return fhir_id(await self.clinic.subject(reference, site, **known))

    def paper(self, site: str = SITE) -> dict[str, str]:
        """A signed document that the site keeps, as an attachment."""
        return {"url": scan_url(self.clinic.papers.keep(site=site))}

    def close(self) -> None:
        self.platform.service.close()
        self.audit.close()


NOBODY = Human("", "")


@asynccontextmanager
async def fhir_hospital(root: Path, terms: Terms = NO_TERMS) -> AsyncIterator[FhirHospital]:
    """A hospital over fresh data in `root`."""
    hospital = FhirHospital(root, terms)
    try:
        yield await hospital.people()
    finally:
        hospital.close()
