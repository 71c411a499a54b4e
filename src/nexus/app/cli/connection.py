"""Which platform a command speaks to, and how it knows that it is the right one."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import msgspec

from nexus.app.datadir import open_directory
from nexus.app.settings import ClientSettings, data_path
from nexus.kernel.errors import Invalid, NotFound, Unavailable


@dataclass(frozen=True, slots=True)
class Place:
    """The REST door's address and the certificate authority to trust; None trusts the system's."""

    url: str
    ca: Path | None

    def tls(self) -> ssl.SSLContext:
        """TLS 1.3 or nothing, with the platform's own authority. Raises NotFound if its certificate is not there."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except (OSError, ssl.SSLError) as error:
            raise NotFound(
                f"no certificate authority can be read from {self.ca}",
                code="cli.ca",
                hint="--ca names its certificate (ca.pem)",
            ) from error
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context


def find(settings: ClientSettings, *, url: str = "", ca: Path | None = None, data: Path | None = None) -> Place:
    """Options first, then the environment, then the data directory of this machine.

    Raises Invalid on an address that is not https, Unavailable if no platform runs here and none was named.
    """
    url = url or settings.url
    ca = ca or settings.ca
    if url:
        if not url.startswith("https://"):
            raise Invalid("the address must begin with https://", code="cli.url")
        return Place(url.rstrip("/"), ca)
    directory = open_directory(data or data_path())
    try:
        endpoints = msgspec.json.decode(directory.endpoints.read_bytes(), type=dict[str, str])
        return Place(endpoints["api"].rstrip("/"), ca or directory.certificate_authority)
    except (FileNotFoundError, KeyError, msgspec.DecodeError) as error:
        raise Unavailable(
            "the platform is not running here",
            code="platform.down",
            hint="`nexus up` starts it; --url names one elsewhere",
        ) from error
