"""How patients come by the factors of their accounts. None of these needs a session; all of them work at the portal only."""

from nexus.iam.requests.patients import (
    ConfirmPatient,
    PatientBeginning,
    PatientPasskey,
    PatientPassword,
    PatientSecondFactor,
    PresentCode,
)
from nexus.iam.requests.sessions import SignedIn
from nexus.iam.specs.spec import spec
from nexus.kernel.operation import OperationSpec

OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.patient.begin",
        "POST /v1/patients/begin",
        "Present the one-time code of a hospital's letter",
        PresentCode,
        PatientBeginning,
        lambda service, op, request: service.patients.begin(op, request),
        action="",
    ),
    spec(
        "iam.patient.with-passkey",
        "POST /v1/patients/passkey",
        "Open a patient's account with the passkey that a device made",
        PatientPasskey,
        SignedIn,
        lambda service, op, request: service.patients.with_passkey(op, request),
        action="",
        secret_result=True,
    ),
    spec(
        "iam.patient.with-password",
        "POST /v1/patients/password",
        "Choose the password of a patient's account and receive the second factor",
        PatientPassword,
        PatientSecondFactor,
        lambda service, op, request: service.patients.with_password(op, request),
        action="",
        secret_result=True,
    ),
    spec(
        "iam.patient.confirm",
        "POST /v1/patients/confirm",
        "Prove the second factor of a patient's account and open it",
        ConfirmPatient,
        SignedIn,
        lambda service, op, request: service.patients.confirm(op, request),
        action="",
        secret_result=True,
    ),
)
