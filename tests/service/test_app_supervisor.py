"""The supervisor in this process, over real processes: certificates are renewed and nobody notices."""

import asyncio
import contextlib
import ssl

import pytest
from cryptography import x509

from nexus.app import settings
from nexus.app.datadir import open_directory
from nexus.app.status import Phase
from nexus.app.supervisor import Supervisor, passphrase_from
from nexus.kernel.clock import HOUR, Instant, SystemClock
from nexus.kernel.errors import Invalid
from simulators.installation import Installation

CERTIFICATE_HOURS = 3


class SkewedClock:
    """The system's clock, and a bit."""

    def __init__(self) -> None:
        self.ahead = 0

    def now(self) -> Instant:
        return Instant(SystemClock().now() + self.ahead)


@pytest.fixture
def founded(tmp_path_factory):
    installation = Installation(tmp_path_factory.mktemp("sup"), certificate_hours=CERTIFICATE_HOURS).found()
    yield installation
    installation.destroy()


async def serial_of(port: int) -> int:
    """The serial number of the certificate that a door shows; every connection must succeed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with asyncio.timeout(10):
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        await writer.wait_closed()
    return x509.load_der_x509_certificate(shown).serial_number


async def test_certificates_are_renewed_before_their_end_without_a_refused_connection(founded):
    directory, clock, reached = open_directory(founded.data), SkewedClock(), asyncio.Event()
    supervisor = Supervisor(
        directory,
        settings.load(directory.description, {}),
        passphrase=passphrase_from(founded.passphrase),
        on_phase=lambda phase: reached.set() if phase is Phase.RUNNING else None,
        clock=clock,
        renew_check_s=0.1,
    )
    running = asyncio.create_task(supervisor.run())
    try:
        await asyncio.wait({running, asyncio.ensure_future(reached.wait())}, return_when=asyncio.FIRST_COMPLETED)
        before = await supervisor.status()
        ports = [int(address.rpartition(":")[2]) for address in (before.s3, before.api)]
        first = [await serial_of(port) for port in ports]
        await asyncio.sleep(0.5)
        assert [await serial_of(port) for port in ports] == first, "not before it is due"
        clock.ahead = CERTIFICATE_HOURS * HOUR * 2 // 3 + HOUR // 60
        async with asyncio.timeout(60):
            while any(now == then for now, then in zip([await serial_of(p) for p in ports], first, strict=True)):
                await asyncio.sleep(0.02)
        clock.ahead = 0
        after = await supervisor.status()
        assert after.s3 == before.s3 and {place.restarts for place in after.processes} == {0}
    finally:
        supervisor.stop()
        await running


def test_a_passphrase_file_gives_its_first_line_each_time_it_is_asked(tmp_path):
    file = tmp_path / "passphrase"
    file.write_bytes(b"first words\r\nsecond line\n")
    read = passphrase_from(file)
    assert read().reveal() == b"first words"
    file.write_bytes(b"other words")
    assert read().reveal() == b"other words"
    assert passphrase_from(None)() is None
    with pytest.raises(Invalid):
        passphrase_from(tmp_path / "nothing")()
