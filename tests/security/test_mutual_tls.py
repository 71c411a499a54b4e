"""Services know each other by certificates only, over TLS 1.3 both ways: whatever else comes is refused, alone.

Fulfils R-157 (only named callers reach keys) and the machine half of "one identity for everyone and everything".
"""

import asyncio
import ssl
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from nexus.app import pki
from nexus.kernel import mutual
from nexus.kernel.clock import SystemClock
from nexus.kernel.errors import Denied, NexusError, Unauthenticated
from nexus.kernel.mutual import Credentials, ServiceIdentity
from nexus.kms import frames
from nexus.kms.client import KeyServiceClient
from nexus.kms.frames import Hello
from nexus.kms.requests import Initialise
from simulators.keyservice import running
from simulators.machines import DOMAIN, authority, credentials, identity
from simulators.operations import operation

FOREIGN = pki.found_authority("nx_foreign", SystemClock().now())
CONTEXT = {"bucket": "bkt_1"}
WAIT_S = 0.4
"""What somebody who is to be refused waits for a connection; an attempt takes a hundredth of that."""


async def still_works(kms):
    api = await kms.client("api")
    await kms.create(api)


async def refused(kms, who: ServiceIdentity) -> NexusError:
    client = await kms.client(identity=who, wait_s=WAIT_S)
    with pytest.raises(NexusError) as raised:
        await client.status()
    return raised.value


@pytest.mark.parametrize(
    ("what", "who"),
    [
        ("of a foreign authority", lambda: identity("api", signer=FOREIGN)),
        (
            "of a foreign authority with our name",
            lambda: identity("api", signer=pki.found_authority(DOMAIN, SystemClock().now())),
        ),
        ("that has ended", lambda: identity("api", late=timedelta(hours=-2))),
        ("that has not begun", lambda: identity("api", late=timedelta(minutes=10))),
        ("of another platform", lambda: identity("api", domain="nx_other")),
        ("of a service that calls nothing", lambda: identity("witness")),
        ("of the key service itself", lambda: identity("kms")),
    ],
)
async def test_a_certificate_is_refused(what, who):
    async with running() as kms:
        error = await refused(kms, who())
        assert error.kind in ("unauthenticated", "unavailable"), what
        await still_works(kms)


@pytest.mark.parametrize("minutes", [-50, -4, 4])
async def test_clocks_may_differ_a_little(minutes):
    """A certificate dated by a clock that is four minutes ahead, or fifty behind, is good: it begins five minutes ago."""
    async with running() as kms:
        client = await kms.client(identity=identity("api", late=timedelta(minutes=minutes)))
        assert (await client.status()).state.value == "unsealed"


async def test_a_doors_certificate_does_not_pass_for_a_services():
    door = pki.issue(authority(), ["kms"], 1, SystemClock().now())
    with pytest.raises(ValueError, match="names no service"):
        ServiceIdentity(Credentials(door.chain, door.key.reveal(), authority().certificate, 0, 0))
    async with running() as kms:
        context = client_context(door.chain, door.key.reveal())
        assert not await answers(kms, context)
        await still_works(kms)


def client_context(chain=b"", key=b"", *, version=ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """A client that trusts our authority, and shows what it is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=authority().certificate.decode())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = version
    if chain:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "chain.pem"
            file.write_bytes(chain + key)
            context.load_cert_chain(file)
    return context


async def answers(kms, context) -> bool:
    """Whether a greeting over this TLS gets an answer."""
    try:
        reader, writer = await asyncio.open_unix_connection(
            str(kms.socket), ssl=context, server_hostname="kms", ssl_handshake_timeout=5
        )
    except (OSError, ssl.SSLError):
        return False
    try:
        writer.write(frames.frame(Hello(frames.PROTOCOL)))
        return bool(await asyncio.wait_for(reader.read(4), 5))
    except (OSError, ssl.SSLError):
        return False
    finally:
        writer.transport.abort()


async def test_tls_1_2_and_no_certificate_and_no_tls_get_nowhere():
    good = credentials("api")
    async with running() as kms:
        assert await answers(kms, client_context(good.chain, good.key))
        assert not await answers(kms, client_context(good.chain, good.key, version=ssl.TLSVersion.TLSv1_2))
        assert not await answers(kms, client_context())
        reader, writer = await asyncio.open_unix_connection(str(kms.socket))
        writer.write(frames.frame(Hello(frames.PROTOCOL)))
        with suppress(ConnectionError):
            heard = await asyncio.wait_for(reader.read(), 10)
            assert b"welcome" not in heard
        writer.close()
        await still_works(kms)


@asynccontextmanager
async def impostor(path, who: ServiceIdentity):
    """Somebody who listens where the key service should."""
    heard = []

    async def serve(reader, writer):
        with suppress(Exception):
            heard.append(await reader.read(1_000))
        writer.close()

    server = await asyncio.start_unix_server(serve, str(path), ssl=who.server)
    try:
        yield heard
    finally:
        server.close()


@pytest.mark.parametrize(
    "who", [lambda: identity("s3"), lambda: identity("kms", signer=FOREIGN), lambda: identity("kms", domain="nx_other")]
)
async def test_a_client_tells_nothing_to_whoever_is_not_the_key_service(tmp_path, who):
    async with impostor(tmp_path / "k", who()) as heard:
        client = KeyServiceClient(tmp_path / "k", identity("api"), WAIT_S)
        await client.start()
        with pytest.raises(NexusError):
            await client.status()
        await client.close()
        assert not any(heard)


async def test_what_was_said_to_one_service_cannot_be_said_again_to_another():
    """A recorded conversation is replayed byte by byte, on the same socket and on that of another key service."""
    async with running() as first, running() as second:
        said, relay = [], first.root / "relay.sock"

        async def forward(reader, writer):
            to_reader, to_writer = await asyncio.open_unix_connection(str(first.socket))

            async def back():
                while data := await to_reader.read(65_536):
                    writer.write(data)

            returning = asyncio.create_task(back())
            while data := await reader.read(65_536):
                said.append(data)
                to_writer.write(data)
            returning.cancel()
            to_writer.close()
            writer.close()

        server = await asyncio.start_unix_server(forward, str(relay))
        client = KeyServiceClient(relay, identity("api"))
        await client.start()
        await first.create(client)
        await client.close()
        server.close()
        before = [len(kms.service.vault.all()) for kms in (first, second)]
        for kms in (first, second):
            reader, writer = await asyncio.open_unix_connection(str(kms.socket))
            with suppress(ConnectionError):
                writer.write(b"".join(said))
                await asyncio.wait_for(reader.read(), 10)
            writer.close()
        assert said and [len(kms.service.vault.all()) for kms in (first, second)] == before


async def test_a_caller_that_asks_for_what_its_policy_does_not_name_is_refused_and_recorded():
    async with running() as kms:
        s3 = await kms.client("s3")
        with pytest.raises(Denied):
            await s3.initialise(Initialise())
        entry = kms.entries()[-1]
        assert (entry.action, entry.outcome.value, entry.details) == ("kms.initialise", "denied", {"caller": "s3"})


# Renewal


async def test_a_certificate_is_renewed_while_requests_run_and_none_of_them_notices():
    async with running() as kms:
        who = identity("s3")
        client, api = await kms.client(identity=who), await kms.client("api")
        key = await kms.create(api)
        made = await client.generate(key.id, CONTEXT, operation())
        events, stop, opened = [], asyncio.Event(), []
        client.subscribe(lambda event: events.append(event.kind.value))

        async def open_forever():
            while not stop.is_set():
                assert client.leased
                assert await client.unwrap(made.wrapped, CONTEXT, operation()) == made.plaintext
                opened.append(1)

        running_calls = [asyncio.create_task(open_forever()) for _ in range(8)]
        for _ in range(5):
            await asyncio.sleep(0.1)
            who.renew(credentials("s3"))
        await asyncio.sleep(0.3)
        stop.set()
        await asyncio.gather(*running_calls)
        assert len(opened) > 20 and events == [], "no lease was lost on the way"
        assert sum(connection.name == "s3" for connection in kms.server.connections) == 1, "the former ones have ended"


async def test_the_key_services_own_certificate_is_renewed_for_those_who_come_then():
    async with running() as kms:
        before = await kms.client("api")
        kms.server.identity.renew(credentials("kms"))
        after = await kms.client("worker")
        assert (await before.status()).state == (await after.status()).state


async def test_a_connection_ends_with_the_certificate_that_it_was_made_with():
    async with running() as kms:
        almost = credentials("api", late=timedelta(minutes=-55) + timedelta(seconds=2))
        client = await kms.client(identity=ServiceIdentity(almost), wait_s=WAIT_S)
        assert (await client.status()).state.value == "unsealed"
        async with asyncio.timeout(10):
            while any(connection.name == "api" for connection in kms.server.connections):
                await asyncio.sleep(0.05)
        with pytest.raises(NexusError):
            await client.status()
        await still_works(kms)


def test_an_identity_does_not_become_another():
    who = identity("s3")
    with pytest.raises(ValueError, match="another service"):
        who.renew(credentials("supervisor"))
    assert who.name == "s3"


def test_the_private_key_is_on_no_disk_in_clear(tmp_path, monkeypatch):
    """The library reads a file: what it reads is encrypted, and gone when it has been read."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    import tempfile

    tempfile.tempdir, seen, former = None, [], ssl.SSLContext.load_cert_chain

    class Looking(ssl.SSLContext):
        def load_cert_chain(self, certfile, keyfile=None, password=None):
            seen.append(Path(certfile).read_bytes())
            former(self, certfile, keyfile, password)

    try:
        given = credentials("s3")
        mutual._load_chain(Looking(ssl.PROTOCOL_TLS_CLIENT), given)
    finally:
        tempfile.tempdir = None
    assert seen and all(b"ENCRYPTED PRIVATE KEY" in content and given.key not in content for content in seen)
    assert list(tmp_path.iterdir()) == []


def test_a_peer_without_a_verified_certificate_is_nobody():
    class Transport(asyncio.Transport):
        def get_extra_info(self, name, default=None):
            return {}

    with pytest.raises(Unauthenticated):
        mutual.peer_service(Transport(), DOMAIN)
