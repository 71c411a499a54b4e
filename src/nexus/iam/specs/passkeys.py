"""Passkeys, and signing in with one."""

from nexus.iam.requests.forms import ById, Nothing, OfIdentity
from nexus.iam.requests.passkeys import (
    BeginPasskey,
    NewPasskey,
    PasskeyChallenge,
    Passkeys,
    PasskeyView,
    RegisterPasskey,
    RenamePasskey,
    SignInWithPasskey,
)
from nexus.iam.requests.sessions import SignedIn
from nexus.iam.specs.spec import of_identity, spec
from nexus.kernel.operation import OperationSpec

OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.passkey.begin",
        "POST /v1/passkeys/begin",
        "Begin to register a passkey of one's own",
        BeginPasskey,
        NewPasskey,
        lambda service, op, request: service.passkeys.begin(op, request),
        of_identity,
        action="iam.passkey.register",
        step_up=True,
    ),
    spec(
        "iam.passkey.register",
        "POST /v1/passkeys",
        "Register the passkey that an authenticator made",
        RegisterPasskey,
        PasskeyView,
        lambda service, op, request: service.passkeys.register(op, request),
        of_identity,
    ),
    spec(
        "iam.passkey.list",
        "GET /v1/identities/{identity}/passkeys",
        "List the passkeys of a person",
        OfIdentity,
        Passkeys,
        lambda service, op, request: service.passkeys.list_passkeys(op, request),
        of_identity,
    ),
    spec(
        "iam.passkey.rename",
        "PUT /v1/passkeys/{id}/name",
        "Give a passkey of one's own another name",
        RenamePasskey,
        PasskeyView,
        lambda service, op, request: service.passkeys.rename(op, request),
        lambda service, request: service.resources.passkey(request.id),
    ),
    spec(
        "iam.passkey.remove",
        "DELETE /v1/passkeys/{id}",
        "Refuse a passkey from now on",
        ById,
        None,
        lambda service, op, request: service.passkeys.remove(op, request),
        lambda service, request: service.resources.passkey(request.id),
        step_up=True,
    ),
    spec(
        "iam.password.remove",
        "DELETE /v1/identities/{identity}/password",
        "Go without a password from now on, with passkeys only",
        OfIdentity,
        None,
        lambda service, op, request: service.passkeys.go_without_password(op, request),
        of_identity,
        step_up=True,
    ),
    spec(
        "iam.passkey.challenge",
        "POST /v1/passkeys/challenge",
        "Ask for a challenge to sign in with a passkey",
        Nothing,
        PasskeyChallenge,
        lambda service, op, request: service.passkeys.challenge(op, request),
        action="",
    ),
    spec(
        "iam.passkey.sign-in",
        "POST /v1/passkeys/sign-in",
        "Sign in with a passkey alone",
        SignInWithPasskey,
        SignedIn,
        lambda service, op, request: service.passkeys.sign_in(op, request),
        lambda service, request: service.resources.credential(request.credential),
        action="",
        secret_result=True,
    ),
)
