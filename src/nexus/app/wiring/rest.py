"""The REST door, with what speaks another form beside it: SCIM for directories, FHIR for hospitals' software."""

from pathlib import Path

import msgspec

from nexus import __version__
from nexus.app import parts
from nexus.app.ground import Ground
from nexus.app.operations import OPERATIONS, PURPOSES, SERVICES
from nexus.app.serving import Asgi
from nexus.app.wiring import dispatching
from nexus.audit.witnesses import WitnessClient
from nexus.consent.fhir.app import fhir_routes
from nexus.consent.fhir.terms import load as load_terms
from nexus.iam.model import Intent
from nexus.iam.scim.app import scim_routes
from nexus.objects.service import ObjectService
from nexus.web.openapi import openapi
from nexus.web.rest import rest_app

KEYS = dispatching.KEYS


def rest_door(ground: Ground, objects: ObjectService, witnesses: WitnessClient) -> Asgi:
    """The REST door over every service."""
    known = dispatching.authenticator(ground)
    dispatcher = dispatching.dispatcher(ground, objects, witnesses, known, parts.API)
    terms = load_terms(Path(ground.settings.fhir_terms_file) if ground.settings.fhir_terms_file else None)
    more = [*scim_routes(dispatcher), *fhir_routes(dispatcher, ground.clock, terms)]
    return rest_app(dispatcher, _description, lambda: _issuer(ground), more)


def _description() -> bytes:
    document = openapi(OPERATIONS, version=__version__, purposes=PURPOSES, intent=Intent, services=SERVICES)
    return msgspec.json.encode(document)


def _issuer(ground: Ground) -> str:
    """The console's address: a setting, or what the supervisor published once every port was known."""
    if ground.settings.console_url:
        return ground.settings.console_url.rstrip("/")
    try:
        published = msgspec.json.decode(ground.directory.endpoints.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return ""
    return published.get(parts.CONSOLE, "").rstrip("/")
