"""Settings of what stands before and behind the doors: reverse proxies, the dialect of S3, recordings."""

from typing import Annotated

from nexus.app.database_settings import DatabaseSettings
from nexus.app.setting import OPTIONAL_FILE, doc
from nexus.web.proxies import Proxies, proxies


class DoorSettings(DatabaseSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom the doors believe, how the S3 door speaks, and how long the bastion's recordings are kept."""

    trusted_proxies: Annotated[
        tuple[str, ...],
        doc(
            "Addresses or networks of reverse proxies (`10.0.0.5`, `10.0.0.0/28`) whose word about a client's address is"
            " believed. Empty: nobody's; the peer of a connection is the client."
        ),
    ] = ()
    trusted_proxy_header: Annotated[
        str,
        doc(
            "The one header in which these proxies say it, to the right of what is there: `x-forwarded-for`, or `forwarded`"
            " (RFC 7239). The other one is ignored.",
            pattern="^(x-forwarded-for|forwarded)$",
        ),
    ] = "x-forwarded-for"

    trusted_proxy_certificates: Annotated[
        bool,
        doc(
            "These proxies verify certificates of clients (mutual TLS), and set or remove `Client-Cert` (RFC 9440) in every"
            " request. Without it that header is dropped."
        ),
    ] = False
    device_authority: Annotated[
        str,
        doc(
            "File (absolute path, PEM) with the certificate authorities of devices. Empty: no device proves itself.",
            pattern=OPTIONAL_FILE,
        ),
    ] = ""

    s3_dialect: Annotated[
        str,
        doc(
            "What clients of the S3 door expect where implementations differ: `aws`, or `ceph` for those who come from Ceph's"
            " radosgw (docs/reference/s3.md says what changes: MD5s as ETags of large objects cost the most).",
            pattern="^(aws|ceph)$",
        ),
    ] = "aws"

    process_start: Annotated[
        str,
        doc(
            "How doors (but those that speak SSH) and worker are started: `fork`, from one process that has imported what they share,"
            " so that they share its memory; or `exec`, each by itself, with a layout of its memory of its own.",
            pattern="^(fork|exec)$",
        ),
    ] = "fork"

    recording_days: Annotated[
        int,
        doc(
            "Time that recordings of sessions behind the bastion are kept, from the end of the session; then the worker erases"
            " them, with an entry in the log.",
            "days",
            ge=30,
            le=3_650,
        ),
    ] = 365

    def proxies(self) -> Proxies:
        """The trusted proxies. Raises Invalid."""
        return proxies(self.trusted_proxies, self.trusted_proxy_header, certificates=self.trusted_proxy_certificates)
