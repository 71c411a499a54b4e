"""The control socket answers this user, line by line, and says what went wrong."""

import asyncio
import stat

import pytest

from nexus.app import control, pki
from nexus.app.control import ControlServer, Request
from nexus.kernel.clock import SystemClock
from nexus.kernel.errors import Denied, Sealed, Unauthenticated, Unavailable
from simulators.machines import identity


async def handler(request: Request, caller: str) -> object:
    if request.do == "seal":
        raise Sealed("it is sealed already", code="kms.sealed", hint="unseal it")
    return {"did": request.do, "secret": request.secret, "caller": caller}


async def test_a_request_is_answered_and_its_caller_is_named(tmp_path):
    async with ControlServer(tmp_path / "c.sock", handler):
        answer = await control.ask(tmp_path / "c.sock", Request(do="unseal", secret="open"))
    assert answer["did"] == "unseal" and answer["secret"] == "open" and answer["caller"]


async def test_an_error_keeps_its_class_code_and_hint(tmp_path):
    async with ControlServer(tmp_path / "c.sock", handler):
        with pytest.raises(Sealed) as raised:
            await control.ask(tmp_path / "c.sock", Request(do="seal"))
    assert (raised.value.code, raised.value.hint) == ("kms.sealed", "unseal it")


async def test_only_the_platforms_user_may_connect(tmp_path):
    async with ControlServer(tmp_path / "c.sock", handler):
        assert stat.S_IMODE((tmp_path / "c.sock").stat().st_mode) == 0o600


async def test_nobody_listening_means_that_the_platform_is_down(tmp_path):
    with pytest.raises(Unavailable) as raised:
        await control.ask(tmp_path / "c.sock", Request(do="status"))
    assert raised.value.code == "platform.down"


@pytest.mark.parametrize("line", [b"{}\n", b"not json\n", b'{"do":"explode"}\n', b"\xff\n"])
async def test_a_malformed_request_is_refused_and_the_next_one_served(tmp_path, line):
    async with ControlServer(tmp_path / "c.sock", handler):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "c.sock")
        writer.write(line)
        assert b"control.request" in await reader.readline()
        writer.write(b'{"do":"status"}\n')
        assert b"status" in await reader.readline()
        writer.close()


async def test_a_line_without_end_is_cut_off(tmp_path):
    async with ControlServer(tmp_path / "c.sock", handler):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "c.sock")
        writer.write(b"x" * (control.MAX_LINE_BYTES * 2))
        assert await reader.read() == b""
        writer.close()


async def test_a_socket_left_by_a_killed_platform_is_replaced(tmp_path):
    (tmp_path / "c.sock").write_bytes(b"")
    async with ControlServer(tmp_path / "c.sock", handler):
        assert (await control.ask(tmp_path / "c.sock", Request(do="status")))["did"] == "status"
    assert not (tmp_path / "c.sock").exists()


# The socket of the services


async def echo(request, who):
    return {"did": request.do, "for": who}


async def test_services_reach_the_supervisor_by_certificate_and_may_ask_little(tmp_path):
    path = tmp_path / "s.sock"
    async with ControlServer(path, echo, identity("supervisor")):
        answer = await control.ask(path, Request(do="status"), identity("api"))
        assert answer == {"did": "status", "for": "api"}
        for who, do in (("api", "stop"), ("api", "seal"), ("console", "unseal"), ("s3", "status"), ("kms", "status")):
            with pytest.raises(Denied):
                await control.ask(path, Request(do=do), identity(who))


async def test_without_a_certificate_or_with_a_foreign_one_the_supervisor_answers_nothing(tmp_path):
    path = tmp_path / "s.sock"
    foreign = pki.found_authority("nx_foreign", SystemClock().now())
    async with ControlServer(path, echo, identity("supervisor")):
        for who in (None, identity("api", signer=foreign), identity("api", domain="nx_other")):
            with pytest.raises((Unavailable, Unauthenticated)):
                await control.ask(path, Request(do="status"), who)
        assert await control.ask(path, Request(do="status"), identity("console"))


async def test_a_service_tells_nothing_to_whoever_is_not_the_supervisor(tmp_path):
    path = tmp_path / "s.sock"
    async with ControlServer(path, echo, identity("worker")):
        with pytest.raises(Unauthenticated):
            await control.ask(path, Request(do="status"), identity("api"))
