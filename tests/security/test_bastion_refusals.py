"""Whom the bastion does not let in, and what it does not carry: tried with OpenSSH's own client and with forged certificates."""

import asyncio
import secrets
import socket
from dataclasses import replace

import asyncssh
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nexus.bastion import certificates, rules
from nexus.bastion.admission import Admission
from nexus.bastion.certificates import PERMIT_PTY, SOURCE_ADDRESS, USER, Certificate
from nexus.bastion.requests import IssueCertificate
from nexus.kernel.clock import MINUTE, SECOND
from nexus.kernel.errors import Denied, Invalid
from simulators.bastion import LOCAL, OpenSsh, have_ssh, open_bastion, until

pytestmark = [
    pytest.mark.skipif(not have_ssh, reason="OpenSSH's client is not installed (Debian package openssh-client)"),
    pytest.mark.asyncio(loop_scope="module"),
]
CONNECTION_REFUSED = 255


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bastion():
    async with open_bastion() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def own():
    async with open_bastion() as made:
        yield made


class Forger:
    """Knows every form, and has every key but the authority's (unless it is lent)."""

    def __init__(self, bastion):
        self.bastion = bastion
        self.client = OpenSsh(bastion)
        self.own_key = Ed25519PrivateKey.generate()

    def honest(self) -> Certificate:
        """What the authority would sign for Olga."""
        now = self.bastion.clock.now() // SECOND
        olga = self.bastion.olga
        return Certificate(
            key=certificates.parse_public_key(self.client.key.export_public_key().decode()),
            serial=secrets.randbits(64),
            kind=USER,
            key_id=rules.key_id(olga.id, olga.actor.session),
            principals=("olga",),
            valid_after=now - 30,
            valid_before=now + 300,
            options=((SOURCE_ADDRESS, certificates.source_address(LOCAL)),),
            extensions=((PERMIT_PTY, b""),),
            authority=self.own_key.public_key().public_bytes_raw(),
        )

    def sign(self, certificate: Certificate) -> bytes:
        tbs = certificates.to_be_signed(certificate, secrets.token_bytes(32))
        return certificates.signed(tbs, self.own_key.sign(tbs))

    async def lent(self, certificate: Certificate) -> bytes:
        """Signed by the real authority, as if its caller had been taken over."""
        authority = self.bastion.service.issuing.authority
        op = self.bastion.own()
        certificate = replace(certificate, authority=(await authority.keys(op))[0])
        tbs = certificates.to_be_signed(certificate, secrets.token_bytes(32))
        return certificates.signed(tbs, await authority.sign(op, tbs))

    async def try_with(self, content: bytes, *, login: str = "olga"):
        self.client.use(certificates.line_of(content, "forged"))
        self.client.login = login
        return await self.client.run("echo in")


async def refused(bastion, attempt, code):
    """The attempt gets nowhere, and its reason is in the log."""
    before = len(bastion.entries("bastion.session.open"))
    said = await attempt
    assert said.status == CONNECTION_REFUSED
    assert said.out == ""
    await until(lambda: len(bastion.entries("bastion.session.open")) > before)
    entry = bastion.entries("bastion.session.open")[-1]
    assert (entry.outcome.value, entry.details["code"]) == ("denied", code)


async def test_a_key_without_a_certificate_gets_nowhere(bastion):
    await refused(bastion, OpenSsh(bastion).run("echo in"), "bastion.malformed")


async def test_no_key_at_all_gets_nowhere(bastion):
    client = OpenSsh(bastion)
    attempt = client.run("echo in", before=("-o", "PubkeyAuthentication=no"))
    await refused(bastion, attempt, "bastion.no-certificate")


async def test_passwords_and_questions_are_not_offered(bastion):
    said = await OpenSsh(bastion).run(
        "echo in", before=("-o", "PreferredAuthentications=password,keyboard-interactive")
    )
    assert "(publickey)" in said.err


async def test_a_certificate_of_another_authority_gets_nowhere(bastion):
    forger = Forger(bastion)
    await refused(bastion, forger.try_with(forger.sign(forger.honest())), "bastion.certificate-authority")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"principals": ()}, "principal"),
        ({"principals": ("root",)}, "principal"),
        ({"principals": ("olga", "root")}, "principal"),
        ({"options": ()}, "address"),
        ({"options": ((SOURCE_ADDRESS, certificates.source_address("192.0.2.7")),)}, "address"),
        ({"options": ((SOURCE_ADDRESS, certificates.source_address("0.0.0.0/0")),)}, "address"),
        (
            {
                "options": (
                    ("force-command", certificates.source_address("id")),
                    (SOURCE_ADDRESS, certificates.source_address(LOCAL)),
                )
            },
            "address",
        ),
        ({"extensions": (("permit-port-forwarding", b""), (PERMIT_PTY, b""))}, "extensions"),
        ({"extensions": ()}, "extensions"),
        ({"key_id": "olga"}, "key-id"),
    ],
)
async def test_even_the_authority_cannot_sign_what_ours_never_say(bastion, change, code):
    """asyncssh alone would let in a certificate without principals, and one without an address."""
    forger = Forger(bastion)
    content = await forger.lent(replace(forger.honest(), **change))
    await refused(bastion, forger.try_with(content), f"bastion.certificate-{code}")


async def test_a_certificate_that_lasts_longer_than_five_minutes_is_none_of_ours(bastion):
    forger = Forger(bastion)
    honest = forger.honest()
    content = await forger.lent(replace(honest, valid_before=honest.valid_before + 1))
    await refused(bastion, forger.try_with(content), "bastion.certificate-too-long")


@pytest.mark.parametrize("login", ["root", "admin", "alice", "Olga", ""])
async def test_a_certificate_opens_no_other_account(bastion, login):
    """The trap: a certificate for one name that lets in another."""
    forger = Forger(bastion)
    issued = await bastion.certificate(bastion.olga, forger.client.key)
    forger.client.take(issued)
    forger.client.login = login
    said = await forger.client.run("echo in")
    assert (said.status, said.out) == (CONNECTION_REFUSED, "")


async def test_a_certificate_in_the_name_of_somebody_else_gets_nowhere(bastion):
    """Alice's name with Olga's sign-in: the standing is that of neither."""
    forger = Forger(bastion)
    content = await forger.lent(replace(forger.honest(), principals=("alice",)))
    await refused(bastion, forger.try_with(content, login="alice"), "bastion.standing")


async def test_a_certificate_without_its_private_key_gets_nowhere(bastion):
    """A certificate is no secret: whoever reads it has nothing."""
    thief = OpenSsh(bastion)
    issued = await bastion.certificate(bastion.olga, asyncssh.generate_private_key("ssh-ed25519"))
    thief.take(issued)
    assert (await thief.run("echo in")).status == CONNECTION_REFUSED


async def test_a_certificate_opens_one_session(bastion):
    client = OpenSsh(bastion)
    client.take(await bastion.certificate(bastion.olga, client.key))
    assert (await client.run("echo in")).out == "in\n"
    again = await client.run("echo in")
    assert "in\n" not in again.out
    assert "bastion.certificate-used" in again.out


async def test_a_person_without_an_elevation_gets_no_certificate_and_no_session(bastion):
    """Four eyes: that Alice is security officer does not open the machine."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    with pytest.raises(Denied):
        await bastion.certificate(bastion.alice, key)
    forger = Forger(bastion)
    theirs = rules.key_id(bastion.alice.id, bastion.alice.actor.session)
    content = await forger.lent(replace(forger.honest(), principals=("alice",), key_id=theirs))
    await refused(bastion, forger.try_with(content, login="alice"), "iam.denied")


async def test_an_access_key_or_a_service_token_gets_no_certificate(bastion):
    """Two factors, now: `session` is only there after a sign-in."""
    human = replace(bastion.olga, actor=replace(bastion.olga.actor, session=None))
    with pytest.raises(Denied):
        await bastion.certificate(human, asyncssh.generate_private_key("ssh-ed25519"))


@pytest.mark.parametrize("line", ["", "ssh-rsa AAAA", "ssh-ed25519", "ssh-ed25519 !!", "ssh-ed25519 " + "A" * 2_000])
async def test_what_is_no_key_gets_no_certificate(bastion, line):
    with pytest.raises(Invalid):
        await bastion.call("bastion.certificate.issue", bastion.olga, IssueCertificate(public_key=line))


async def test_a_request_without_an_address_gets_no_certificate(bastion):
    with pytest.raises(Invalid):
        await bastion.certificate(bastion.olga, asyncssh.generate_private_key("ssh-ed25519"), origin="unknown")


@pytest.mark.parametrize(
    "options",
    [
        ("-L", "127.0.0.1:{free}:127.0.0.1:{door}"),
        ("-L", "{folder}/sock:/var/run/x.sock"),
        ("-D", "127.0.0.1:{free}"),
        ("-R", "127.0.0.1:{free}:127.0.0.1:{door}"),
        ("-w", "0:0"),
    ],
)
async def test_nothing_is_forwarded(bastion, options):
    """Not into the machine, not out of it, not past it."""
    with socket.create_server((LOCAL, 0)) as probe:
        free = probe.getsockname()[1]
    client = OpenSsh(bastion)
    client.take(await bastion.certificate(bastion.olga, client.key))
    filled = tuple(word.format(free=free, door=bastion.door.port, folder=client.folder) for word in options)
    process = await client.start("sleep 5", before=filled)
    try:
        if options[0] in ("-L", "-D") and "sock" not in filled[1]:
            assert await _says_nothing(free, socks=options[0] == "-D", door=bastion.door.port)
        elif options[0] == "-R":
            await asyncio.sleep(0.5)
            with pytest.raises(OSError):
                await asyncio.open_connection(LOCAL, free)
    finally:
        process.kill()
        await process.wait()


async def _says_nothing(port, *, socks, door):
    """Whoever connects to the forwarded port hears no banner of the far end."""

    async def connect():
        while True:
            try:
                return await asyncio.open_connection(LOCAL, port)
            except OSError:
                await asyncio.sleep(0.05)

    reader, writer = await asyncio.wait_for(connect(), 10)
    if socks:
        writer.write(b"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01" + door.to_bytes(2, "big"))
    heard = await asyncio.wait_for(reader.read(4_096), 10)
    writer.close()
    return b"SSH-" not in heard


async def test_neither_agent_nor_display_reaches_the_machine(bastion):
    client = OpenSsh(bastion)
    client.take(await bastion.certificate(bastion.olga, client.key))
    before = ("-o", "ForwardAgent=yes", "-o", "ForwardX11=yes", "-o", "ForwardX11Trusted=yes")
    said = await client.run("echo agent=$SSH_AUTH_SOCK display=$DISPLAY", before=before)
    assert said.out == "agent= display=\n"


async def test_files_are_not_copied(bastion):
    client = OpenSsh(bastion)
    (client.folder / "file").write_text("x")
    for program, more in (("sftp", ()), ("scp", ()), ("scp", ("-O",))):
        client.take(await bastion.certificate(bastion.olga, client.key))
        where = f"olga@{LOCAL}" if program == "sftp" else f"olga@{LOCAL}:copied"
        what = (where,) if program == "sftp" else (str(client.folder / "file"), where)
        said = await client.run(*what, program=program, before=more)
        assert said.status != 0
    assert not (bastion.root / "copied").exists()


async def test_a_pinned_door_that_shows_another_key_is_not_spoken_to(bastion):
    client = OpenSsh(bastion)
    client.take(await bastion.certificate(bastion.olga, client.key))
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    client.known_hosts = f"[{LOCAL}]:{bastion.door.port} {other}"
    said = await client.run("echo in")
    assert said.status == CONNECTION_REFUSED
    assert "verification failed" in said.err


async def test_an_expired_certificate_gets_nowhere(own):
    forger = Forger(own)
    forger.client.take(await own.certificate(own.olga, forger.client.key))
    own.clock.advance(5 * MINUTE)
    await refused(own, forger.client.run("echo in"), "bastion.certificate-expired")


async def test_whoever_says_nothing_is_hung_up_on_and_too_many_are_not_heard(own):
    own.gateway.login_grace_s = 0.5
    own.gateway._admission = Admission(of_address=3, per_minute=1_000)
    slow = [await asyncio.open_connection(LOCAL, own.door.port) for _ in range(3)]
    for reader, _ in slow:
        assert (await reader.readline()).startswith(b"SSH-2.0-Nexus")
    fourth, _ = await asyncio.open_connection(LOCAL, own.door.port)
    assert await asyncio.wait_for(fourth.read(), 5) == b""
    for reader, writer in slow:
        await asyncio.wait_for(reader.read(), 5)
        writer.close()
    await until(lambda: not own.gateway._connections)
    assert (await own.ssh(own.olga, "echo in")).out == "in\n"


async def test_a_window_as_large_as_a_number_can_be_is_taken_for_a_large_window(own):
    key = asyncssh.generate_private_key("ssh-ed25519")
    issued = await own.certificate(own.olga, key)
    certificate = asyncssh.import_certificate(issued.certificate)
    async with asyncssh.connect(
        LOCAL, own.door.port, username="olga", client_keys=[(key, certificate)], known_hosts=None, config=None
    ) as connection:
        process = await connection.create_process("stty size", term_type="xterm", term_size=(2**32 - 1, 2**32 - 1))
        assert (await process.stdout.readline()).strip() == "500 1000"


async def test_garbage_instead_of_a_protocol_ends_the_connection(own):
    own.gateway.login_grace_s = 1
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 4_096, b"SSH-2.0-x\r\n" + b"\xff" * 4_096, b"SSH-1.5-old\r\n"):
        reader, writer = await asyncio.open_connection(LOCAL, own.door.port)
        writer.write(garbage)
        await asyncio.wait_for(reader.read(), 15)
        writer.close()
    assert (await own.ssh(own.olga, "echo in")).out == "in\n"
