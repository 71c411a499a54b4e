"""Nobody says of himself where he comes from: only a trusted proxy does, in one header, of the hop before it."""

import pytest

from nexus.kernel.errors import Invalid
from nexus.web.proxies import MAX_HOPS, NO_PROXIES, UNKNOWN, BehindProxies, proxies

PROXY, INNER, CLIENT, STRANGER = "10.0.0.5", "10.0.0.6", "192.0.2.7", "203.0.113.9"
XFF = proxies(["10.0.0.0/28", "2001:db8:a::/64"])
RFC = proxies(["10.0.0.0/28", "2001:db8:a::/64"], "forwarded")


def xff(*values: str):
    return [(b"X-Forwarded-For", value.encode()) for value in values]


def forwarded(*values: str):
    return [(b"forwarded", value.encode()) for value in values]


@pytest.mark.parametrize("trusted", [NO_PROXIES, XFF, RFC])
@pytest.mark.parametrize("headers", [xff("127.0.0.1"), forwarded("for=127.0.0.1"), xff("10.0.0.5", "10.0.0.6"), []])
def test_what_a_stranger_says_of_himself_is_not_believed(trusted, headers):
    assert trusted.client(STRANGER, headers) == STRANGER


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        (xff(CLIENT), CLIENT),
        (xff(f"{CLIENT}:51234"), CLIENT),
        (xff(f"127.0.0.1, {CLIENT}"), CLIENT),
        (xff("127.0.0.1", CLIENT), CLIENT),
        (xff(f"127.0.0.1,10.0.0.7, {CLIENT} , {INNER}"), CLIENT),
        (xff(f"{INNER}, {CLIENT}"), CLIENT),
        (xff("2001:db8::7"), "2001:db8::7"),
        (xff("[2001:db8::7]"), "2001:db8::7"),
        (xff("[2001:db8::7]:443, 2001:db8:a::1"), "2001:db8::7"),
        (xff("2001:0DB8:0:0::7"), "2001:db8::7"),
        (xff(f"::ffff:{CLIENT}"), CLIENT),
    ],
)
def test_the_client_is_the_rightmost_hop_that_is_no_trusted_proxy(headers, client):
    assert XFF.client(PROXY, headers) == client
    assert XFF.client(f"::ffff:{PROXY}", headers) == client


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        (forwarded(f"for={CLIENT}"), CLIENT),
        (forwarded(f'for=127.0.0.1, For="{CLIENT}:51234";proto=https;by=10.0.0.5'), CLIENT),
        (forwarded("for=127.0.0.1", f"for={CLIENT};host=x", f"for={INNER}"), CLIENT),
        (forwarded('for="[2001:db8::7]:443"'), "2001:db8::7"),
        (forwarded('proto="a,b;for=127.0.0.1";for=' + CLIENT), CLIENT),
        (forwarded(f'for="\\{CLIENT}"'), CLIENT),
    ],
)
def test_the_same_in_the_header_of_rfc_7239(headers, client):
    assert RFC.client(PROXY, headers) == client


@pytest.mark.parametrize(
    "headers",
    [
        [],
        xff(""),
        xff(","),
        xff("unknown"),
        xff(f"{CLIENT}, unknown"),
        xff(f"{CLIENT}, "),
        xff(f"{CLIENT} {STRANGER}"),
        xff(f"{CLIENT}:123456"),
        xff(f"{CLIENT}:"),
        xff("192.0.2.007"),
        xff("192.0.2.7/32"),
        xff("fe80::1%eth0"),
        xff("[192.0.2.7]"),
        xff("[2001:db8::7"),
        xff("[2001:db8::7]x"),
        xff("2001:db8::7]"),
        xff("localhost"),
        xff("\u0661\u0669\u0662.0.2.7"),
        xff("192.0.2.7\x00"),
        xff(", ".join([CLIENT] * (MAX_HOPS + 1))),
        xff(CLIENT + " " * 3_000),
        xff(f"{INNER}, {PROXY}"),
        forwarded(f"for={CLIENT}"),
    ],
)
def test_what_a_proxy_does_not_say_clearly_comes_from_nowhere(headers):
    """Never from the proxy itself, which may stand in a trusted network zone."""
    assert XFF.client(PROXY, headers) == UNKNOWN


@pytest.mark.parametrize(
    "headers",
    [
        forwarded(CLIENT),
        forwarded("for=_hidden"),
        forwarded("for=unknown"),
        forwarded(f"for={CLIENT}, proto=https"),
        forwarded(f"for={CLIENT};for={STRANGER}"),
        forwarded("for=2001:db8::7"),
        forwarded(f'for="{CLIENT}'),
        forwarded(f"for={CLIENT};"),
        forwarded(f"for={CLIENT},"),
        forwarded(f"for = {CLIENT}"),
        forwarded(f'for="{CLIENT}" x'),
        xff(CLIENT),
    ],
)
def test_nor_in_the_header_of_rfc_7239(headers):
    assert RFC.client(PROXY, headers) == UNKNOWN


def test_the_header_that_the_proxies_do_not_write_is_the_clients_own_and_is_ignored():
    both = [*xff(CLIENT), *forwarded("for=127.0.0.1")]
    assert (XFF.client(PROXY, both), RFC.client(PROXY, both)) == (CLIENT, "127.0.0.1")


@pytest.mark.parametrize("networks", [["0.0.0.0/0"], ["::/0"], ["10.0.0.5/8"], ["proxy.example"], ["10.0.0.0/28"] * 65])
def test_settings_that_would_believe_everybody_or_nobody_stop_the_start(networks):
    with pytest.raises(Invalid):
        proxies(networks)
    with pytest.raises(Invalid):
        proxies([], certificates=True)


# What a door sees


async def seen(trusted, peer, headers):
    """The scope that reaches the door."""
    found = {}

    async def door(scope, receive, send):
        found.update(scope)

    scope = {"type": "http", "client": (peer, 50_000), "headers": headers, "path": "/"}
    await BehindProxies(door, trusted)(scope, None, None)
    return found


CERTIFICATE = [(b"client-cert", b":MIIB:"), (b"Client-Cert-Chain", b":MIIB:"), (b"host", b"x")]


@pytest.mark.parametrize(
    ("trusted", "peer", "kept"),
    [
        (NO_PROXIES, STRANGER, False),
        (proxies([PROXY]), PROXY, False),
        (proxies([PROXY], certificates=True), STRANGER, False),
        (proxies([PROXY], certificates=True), PROXY, True),
    ],
)
async def test_a_certificate_is_shown_by_a_proxy_that_verifies_certificates_and_by_nobody_else(trusted, peer, kept):
    scope = await seen(trusted, peer, CERTIFICATE)
    assert [name for name, _ in scope["headers"] if b"ert" in name] == ([b"client-cert", b"Client-Cert-Chain"] * kept)
    assert (b"host", b"x") in scope["headers"]


async def test_a_door_sees_the_client_as_its_peer():
    assert (await seen(XFF, PROXY, xff(CLIENT)))["client"][0] == CLIENT
    assert (await seen(XFF, STRANGER, xff(CLIENT)))["client"][0] == STRANGER
    assert (await seen(XFF, PROXY, []))["client"][0] == UNKNOWN
