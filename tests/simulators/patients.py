"""Patients of a hospital: invited by code, enrolled at the portal with a passkey in software or a password."""

from base64 import b64decode
from dataclasses import dataclass, replace

from nexus.app.demo.passkey import SoftwarePasskey
from nexus.iam.requests.patients import PatientBeginning, PatientPasskey, PresentCode
from nexus.kernel.database import Recorded
from nexus.kernel.operation import ANONYMOUS, Actor, Resource
from nexus.kernel.secret import Secret
from nexus.web import codec
from simulators.people import BROWSER, HOME, PARTY, Platform

BORN = "1958-03-14"


@dataclass(slots=True)
class Patient:
    """What a patient has: a letter with a code, a birth date, a telephone that makes passkeys."""

    id: str
    code: Secret
    passkey: SoftwarePasskey
    token: str = ""
    actor: Actor = ANONYMOUS


def at_portal(platform: Platform, who: Actor = ANONYMOUS, **more):
    """An operation at the patients' door."""
    return replace(platform.op(who, **more), door="portal")


async def invite(platform: Platform, born: str = BORN, person: str = "") -> Patient:
    """A hospital's letter, for a new account or an old one."""

    def work(tx):
        accounts, now = platform.service.patient_accounts, platform.clock.now()
        whose = person or accounts.create(tx, "per_hospital", now)
        made = whose, *accounts.invite(tx, whose, Secret(born.encode()), now)
        return Recorded(made, platform.op().allowed("test.invite", Resource("Identity", whose)))

    found, code, _ = await platform.db.write(work)
    return Patient(found, code, SoftwarePasskey(PARTY.origin))


def presenting(patient: Patient, born: str = BORN, code: str = "") -> dict[str, Secret]:
    """What is typed at the portal."""
    return {"code": Secret(code.encode()) if code else patient.code, "birth_date": Secret(born.encode())}


async def enrol(platform: Platform, patient: Patient, *, origin: str = HOME, client: str = BROWSER) -> Patient:
    """The patient's telephone makes a passkey, and a session is open."""
    op = at_portal(platform, origin=origin, client=client)
    asked = await platform.call("iam.patient.begin", op, PresentCode(**presenting(patient)))
    fields = patient.passkey.create(codec.to_builtins(asked, PatientBeginning))
    answer = {name: b64decode(value) for name, value in fields.items()}
    made = PatientPasskey(**presenting(patient), name="phone", **answer)
    signed_in = await platform.call("iam.patient.with-passkey", op, made)
    patient.token = signed_in.token.reveal().decode()
    patient.actor = await platform.authenticator.session(patient.token, origin, client)
    return patient
