"""Certificates of services, from an authority of the tests: good ones, and every kind of bad one."""

from datetime import timedelta
from functools import cache

from nexus.app import pki
from nexus.kernel.clock import SystemClock
from nexus.kernel.mutual import Credentials, ServiceIdentity, spiffe_id

DOMAIN = "nx_test"


@cache
def authority(name: str = DOMAIN) -> pki.Authority:
    """One root for each name, made once."""
    return pki.found_authority(name, SystemClock().now())


def credentials(name: str, *, signer=None, trust=None, late: timedelta = timedelta(), domain=DOMAIN) -> Credentials:
    """Of the service `name`. `late`: by how much the signer's clock is ahead of this machine's."""
    signer = signer or authority()
    now = SystemClock().now() + late // timedelta(microseconds=1)
    leaf = pki.sign(signer, pki.draft_service(signer.certificate, spiffe_id(domain, name), now))
    return Credentials(
        leaf.chain, leaf.key.reveal(), (trust or authority()).certificate, leaf.renew_at, leaf.expires_at
    )


def identity(name: str, **more) -> ServiceIdentity:
    return ServiceIdentity(credentials(name, **more))
