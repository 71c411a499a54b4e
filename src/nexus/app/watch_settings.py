"""Settings of how the platform shows that it is well: the operations listener, traces. (One chain of parts: records of msgspec have one parent.)"""

from ipaddress import ip_address
from typing import Annotated

from nexus.app.consent_settings import ConsentSettings
from nexus.app.setting import OPTIONAL_FILE, doc
from nexus.kernel.errors import Invalid


class WatchSettings(ConsentSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may look at health and metrics, and from where."""

    watch_port: Annotated[
        int,
        doc(
            "TCP port of the operations listener (`/metrics`, `/-/live`, `/-/ready` of the whole platform); 0 takes a free"
            " one at each start, -1 keeps it closed.",
            ge=-1,
            le=65_535,
        ),
    ] = -1
    watch_host: Annotated[
        str,
        doc(
            "Address that the operations listener listens on. Beyond this machine (anything but `127.0.0.1` or `::1`) it needs"
            " `watch_token_file`, `watch_certificate_file` and `watch_key_file`."
        ),
    ] = "127.0.0.1"
    watch_token_file: Annotated[
        str,
        doc(
            "File (absolute path) with the token (32 characters or more) that `/metrics` asks for, as `Authorization: Bearer`."
            " Empty: it asks for none.",
            pattern=OPTIONAL_FILE,
        ),
    ] = ""
    watch_certificate_file: Annotated[
        str,
        doc(
            "File (absolute path, PEM) with the certificate of the operations listener and its chain: it must answer while the"
            " platform is sealed, when the platform's own authority signs nothing. Empty: plain HTTP.",
            pattern=OPTIONAL_FILE,
        ),
    ] = ""
    watch_key_file: Annotated[
        str,
        doc("File (absolute path, PEM) with the private key of that certificate.", pattern=OPTIONAL_FILE),
    ] = ""

    trace_collector: Annotated[
        str,
        doc(
            "Address of a collector that takes traces as OTLP over HTTP, with its path (`https://otel.chu.example:4318/v1/traces`);"
            " without TLS on this machine only. Empty: nothing is traced, and nothing leaves.",
            pattern=r"^(https://[A-Za-z0-9.:\[\]-]+/[^?#\s]*|http://(127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?/[^?#\s]*)?$",
        ),
    ] = ""
    trace_per_thousand: Annotated[
        int, doc("Requests at the doors that are traced, chosen by chance.", "of 1,000", ge=0, le=1_000)
    ] = 10
    trace_authority: Annotated[
        str,
        doc(
            "File (absolute path) with the certificate authority of the collector. Empty: the authorities that this machine"
            " trusts.",
            pattern=OPTIONAL_FILE,
        ),
    ] = ""
    trace_token_file: Annotated[
        str,
        doc(
            "File (absolute path) with the token that the collector asks for, sent as `Authorization: Bearer`. Empty: none.",
            pattern=OPTIONAL_FILE,
        ),
    ] = ""

    def require_watch(self) -> None:
        """Raises Invalid where metrics would be shown to a network without TLS or without a token."""
        if bool(self.watch_certificate_file) != bool(self.watch_key_file):
            raise Invalid("watch_certificate_file and watch_key_file belong together", code="settings.watch")
        if self.watch_port < 0 or _is_loopback(self.watch_host):
            return
        if not (self.watch_token_file and self.watch_certificate_file):
            raise Invalid(
                "the operations listener is reached from other machines without TLS or without a token",
                code="settings.watch",
                hint="set watch_token_file, watch_certificate_file and watch_key_file, or watch_host=127.0.0.1",
            )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
