"""The platform as a whole, as a service: its operations are defined here like those of any other service."""

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from nexus.app.control import Ask, Request
from nexus.app.datadir import DataDirectory
from nexus.app.doctor import mail, requests, rights, trust
from nexus.app.doctor.examination import examine, worst
from nexus.app.doctor.finding import Finding, State
from nexus.app.settings import Settings
from nexus.app.status import PlatformStatus
from nexus.consent import claim_store
from nexus.consent.legal_clock import SOON
from nexus.iam.model import Role
from nexus.iam.service import RightsDue
from nexus.kernel import outbox
from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database
from nexus.kernel.operation import PLATFORM, Operation, OperationSpec
from nexus.mail import outbox as mail_outbox


class Nothing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operation that takes nothing."""


class Examination(Struct, frozen=True, kw_only=True):
    """What is real, emulated, degraded or broken here, and how to mend it."""

    worst: State
    findings: tuple[Finding, ...]


class PlatformService:
    """Asks the supervisor, and looks at the machine that it runs on."""

    def __init__(
        self,
        directory: DataDirectory,
        settings: Settings,
        database: Database,
        clock: Clock,
        *,
        lacking_approvers: Callable[[], Mapping[Role, int]],
        rights_due: Callable[[], RightsDue],
        conflicting_duties: Callable[[], int],
        ask: Ask,
    ) -> None:
        """`ask`: how to reach the supervisor. `lacking_approvers`: roles with fewer active holders than four eyes need.

        `conflicting_duties`: how many active persons hold roles that conflict. `rights_due`: what waits
        for people.
        """
        self._directory = directory
        self._settings = settings
        self._database = database
        self._clock = clock
        self._lacking_approvers = lacking_approvers
        self._rights_due = rights_due
        self._ask = ask
        self._conflicting_duties = conflicting_duties

    async def status(self, op: Operation, request: Nothing) -> PlatformStatus:
        """What runs, and whether it is sealed. Raises Unavailable if the supervisor does not answer."""
        answer = await self._ask(Request(do="status"))
        await self._database.record(op.allowed("platform.status", PLATFORM))
        return msgspec.convert(answer, PlatformStatus)

    async def doctor(self, op: Operation, request: Nothing) -> Examination:
        """The doctor's table."""
        machine = await examine(self._directory, self._settings, self._clock, self._ask)
        duties = trust.duties(self._conflicting_duties(), separate=self._settings.separate_duties)
        now = self._clock.now()
        with self._database.read() as tx:
            oldest = mail_outbox.oldest(tx)
            put_off = outbox.put_off(tx)
            late, soon = claim_store.waiting(tx, now, Instant(now + SOON))
        sent = mail.delivery(self._settings, oldest, self._clock.now())
        asked = (requests.legal_clock(late, soon), requests.decisions(put_off))
        eyes = trust.four_eyes(self._lacking_approvers())
        findings = (*machine, eyes, duties, sent, *asked, *rights.due(self._rights_due()))
        await self._database.record(op.allowed("platform.doctor", PLATFORM, worst=worst(findings).value))
        return Examination(worst=worst(findings), findings=findings)


OPERATIONS: tuple[OperationSpec, ...] = (
    OperationSpec(
        name="platform.status",
        service="platform",
        method="GET",
        path="/v1/platform",
        summary="Show what runs, and whether the platform is sealed",
        request=Nothing,
        result=PlatformStatus,
        action="platform.status",
        run=PlatformService.status,
    ),
    OperationSpec(
        name="platform.doctor",
        service="platform",
        method="GET",
        path="/v1/platform/doctor",
        summary="Show what is real, emulated or degraded here, and how to mend it",
        request=Nothing,
        result=Examination,
        action="platform.doctor",
        run=PlatformService.doctor,
    ),
)
