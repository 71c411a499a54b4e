"""The socket under bad input: malformed, oversized, unauthenticated, slow, gone. Answered precisely, closed, alive."""

import asyncio
import stat
from contextlib import suppress

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus.kernel.errors import Invalid, NexusError, Throttled
from nexus.kernel.operation import Operation
from nexus.kms import frames
from nexus.kms.callers import CALLERS
from nexus.kms.frames import Call, Confirm, FrameBuffer, Hello, Refusal, Welcome
from nexus.kms.methods import METHODS
from nexus.kms.server import Limits
from simulators.keyservice import running
from simulators.machines import identity
from simulators.operations import operation

HELLO = Hello(frames.PROTOCOL)


class Raw:
    """A client that says whatever bytes it likes."""

    def __init__(self, kms):
        self._kms = kms

    async def __aenter__(self):
        self.reader, self.writer = await asyncio.open_unix_connection(
            str(self._kms.socket), ssl=identity("api").client, server_hostname="kms"
        )
        return self

    async def __aexit__(self, *_):
        self.writer.close()

    async def say(self, *messages):
        for message in messages:
            self.writer.write(message if isinstance(message, bytes) else frames.frame(message))

    async def hear(self):
        """The next message that is no heartbeat, or None once the connection is closed."""
        while True:
            try:
                length = int.from_bytes(await asyncio.wait_for(self.reader.readexactly(4), 5), "big")
                message = frames.from_server(await self.reader.readexactly(length))
            except (asyncio.IncompleteReadError, ConnectionError):
                return None
            if not isinstance(message, frames.Beat):
                return message

    async def greeted(self):
        await self.say(HELLO)
        assert isinstance(await self.hear(), Welcome)
        return self


def call(method, arguments=b"\x80", id_=1, op=None):
    return Call(id_, method, op, msgspec.Raw(arguments))


async def still_works(kms):
    api = await kms.client()
    await kms.create(api)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "kms.frame-length"),
        (b"\0\0\0\0", "kms.frame-length"),
        (b"\xff\xff\xff\xff", "kms.frame-length"),
        (b"\0\0\x04\x01" + b"x" * 1_025, "kms.frame-length"),
        (b"\0\0\0\x03abc", "kms.frame"),
        (b"\0\0\0\x01\xc1", "kms.frame"),
        (frames.frame(Hello(99)), "kms.protocol"),
        (frames.frame(Hello(1)), "kms.protocol"),
        (frames.frame(call("status")), "kms.hello"),
        (frames.frame(HELLO) * 2, "kms.hello"),
        (frames.frame(Welcome(1, True)), "kms.frame"),
    ],
)
async def test_what_is_no_greeting_is_refused_precisely_and_closed(said, code):
    async with running() as kms:
        async with Raw(kms) as client:
            await client.say(said)
            answer = await client.hear()
            if isinstance(answer, Welcome):
                answer = await client.hear()
            assert isinstance(answer, Refusal) and (answer.id, answer.code) == (0, code)
            assert await client.hear() is None
        await still_works(kms)


async def test_a_client_that_says_nothing_is_hung_up_on():
    async with running(limits=Limits(hello_s=0.05)) as kms, Raw(kms) as client:
        answer = await client.hear()
        assert answer.code == "kms.hello" and await client.hear() is None


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=60), max_size=4), st.booleans())
def test_no_bytes_after_the_greeting_hurt_the_service(junk, framed):
    async def run():
        async with running(unsealed=False) as kms:
            async with Raw(kms) as client:
                await client.greeted()
                for part in junk:
                    await client.say(len(part).to_bytes(4, "big") + part if framed else part)
                client.writer.close()
            supervisor = await kms.client("supervisor")
            assert (await supervisor.status()).state.value == "uninitialised"

    asyncio.run(run())


async def test_bad_arguments_are_answered_and_the_connection_goes_on():
    async with running() as kms, Raw(kms) as client:
        await client.greeted()
        for number, (method, arguments, code) in enumerate(
            [
                ("no_such_method", b"\x80", "kms.no-method"),
                ("create", b"\x80", "kms.arguments"),
                ("create", b"\x01", "kms.arguments"),
                ("create", frames.encode({"owner": 3}), "kms.arguments"),
                ("unwrap", frames.encode([b"", {"a": 1}]), "kms.arguments"),
                ("unwrap", frames.encode([b"x", {"a": "b"}]), "wrapping.format"),
                ("sign", frames.encode(["key", b"", None]), "kms.method"),
            ],
            start=1,
        ):
            await client.say(call(method, arguments, number, operation()))
            answer = await client.hear()
            assert (answer.id, answer.code) == (number, code)
        await client.say(call("read", frames.encode({"key_id": "key_" + "0" * 26}), 99))
        assert (await client.hear()).code == "kms.no-operation"
        await client.say(Confirm(12345), call("status", id_=100))
        assert (await client.hear()).id == 100


async def test_frames_may_come_in_any_pieces():
    async with running() as kms, Raw(kms) as client:
        for byte in frames.frame(HELLO) + frames.frame(call("status")):
            client.writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert isinstance(await client.hear(), Welcome)
        assert isinstance(await client.hear(), frames.Answer)


async def test_a_client_that_leaves_in_the_middle_leaves_its_call_done():
    async with running() as kms:
        async with Raw(kms) as client:
            await client.greeted()
            made = {"owner": "per_carol", "purpose": "orphan", "rotation_days": 9}
            await client.say(call("create", frames.encode(made), 1, operation()))
            client.writer.transport.abort()
        for _ in range(100):
            if any(stored.key.purpose == "orphan" for stored in kms.service.vault.all()):
                break
            await asyncio.sleep(0.01)
        assert any(stored.key.purpose == "orphan" for stored in kms.service.vault.all())
        await still_works(kms)


async def test_a_client_that_does_not_read_is_cut_off_and_others_are_served():
    async with running(limits=Limits(unsent_bytes=100_000)) as kms:
        async with Raw(kms) as deaf:
            await deaf.greeted()
            deaf.reader._transport.pause_reading()
            with suppress(ConnectionError):
                for number in range(1, 5_000):
                    await deaf.say(call("status", id_=number))
                    await asyncio.sleep(0)
            async with asyncio.timeout(10):
                while any(connection.name == "api" for connection in kms.server.connections):
                    await asyncio.sleep(0.01)
        await still_works(kms)


async def test_a_client_with_too_many_calls_is_read_no_further_until_some_are_answered():
    async with running(limits=Limits(calls_in_flight=4)) as kms, Raw(kms) as client:
        await client.greeted()
        await client.say(b"".join(frames.frame(call("status", id_=number)) for number in range(1, 301)))
        answered = {(await client.hear()).id for _ in range(300)}
        assert answered == set(range(1, 301))


async def test_connections_are_limited():
    async with running(unsealed=False, limits=Limits(connections=1)) as kms:
        async with Raw(kms) as first, Raw(kms) as second:
            await first.greeted()
            assert (await second.hear()).code == "kms.connections"


async def test_the_socket_is_for_our_own_user_only():
    async with running() as kms:
        assert stat.S_IMODE(kms.socket.stat().st_mode) == 0o600


async def test_errors_cross_the_socket_whole():
    for kind in (*frames._KINDS.values(),):
        error = kind("what", code="a.code", hint="do this")
        back = frames.restored(frames.refusal(1, error))
        assert type(back) is kind and (back.message, back.code, back.hint) == ("what", "a.code", "do this")
    throttled = frames.restored(frames.refusal(1, Throttled("slow", retry_after_s=7)))
    assert throttled.retry_after_s == 7
    assert type(frames.restored(Refusal(1, "new-kind", "c", "m", ""))) is NexusError


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=6), st.data())
def test_frames_are_found_however_the_stream_is_cut(bodies, data):
    stream = b"".join(len(body).to_bytes(4, "big") + body for body in bodies)
    buffer, found = FrameBuffer(64), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += buffer.feed(stream[:size])
        stream = stream[size:]
    assert found == bodies


def test_an_operation_crosses_the_socket_unchanged():
    op = operation()
    sent = frames.from_client(frames.encode(call("status", op=op)))
    assert sent.operation == op and isinstance(sent.operation, Operation)


def test_too_much_is_refused_before_it_is_sent():
    with pytest.raises(Invalid):
        frames.frame(call("wrap", frames.encode(b"x" * frames.MAX_FRAME_BYTES)))


def test_every_method_has_callers_and_every_caller_only_methods():
    assert set().union(*CALLERS.values()) == set(METHODS)
    assert CALLERS["s3"] == {"status", "generate", "unwrap", "list_keys", "bound_key"}


def test_secrets_do_not_show_in_messages():
    from nexus.kernel.secret import Secret
    from nexus.kms.requests import Unseal

    assert "hunter2" not in repr(Unseal(secret=Secret(b"hunter2")))
