"""The certificate authority's key is made in the key service and stays there; what it signs is bounded, whoever asks.

Fulfils R-157 (keys of the platform in the key service or its token) for the authority of the certificates.
"""

import ssl
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from nexus.app import custody, datadir, pki
from nexus.app.authority import CertificateAuthority
from nexus.crypto import certificates
from nexus.kernel.clock import DAY, HOUR
from nexus.kernel.errors import Denied, Invalid, NexusError, Sealed
from nexus.kms.requests import KeyRef
from nexus.kms.uses import Use
from simulators.keyservice import running
from simulators.operations import operation
from simulators.tokens import needs_softhsm

URI = "spiffe://nx_test/service/s3"


@asynccontextmanager
async def founded(tmp_path, provider="keystore"):
    directory = datadir.create(tmp_path / "data")
    async with running(provider) as service:
        authority = CertificateAuthority(await service.client("supervisor"), directory, service.clock)
        await authority.ensure(operation())
        yield service, directory, authority


def verifies(leaf: bytes, root: bytes) -> bool:
    certificate, authority = (x509.load_pem_x509_certificate(pem) for pem in (leaf, root))
    try:
        certificate.verify_directly_issued_by(authority)
    except Exception:
        return False
    return True


@pytest.mark.parametrize("provider", ["keystore", pytest.param("pkcs11", marks=[needs_softhsm, pytest.mark.softhsm])])
async def test_doors_and_services_get_certificates_that_the_root_stands_for(tmp_path, provider):
    async with founded(tmp_path, provider) as (_, directory, authority):
        root = directory.certificate_authority.read_bytes()
        door = await authority.door(["nexus.hospital.example"], 24, operation())
        service = await authority.service(URI, operation())
        assert verifies(root, root) and verifies(door.chain, root) and verifies(service.chain, root)
        shown = x509.load_pem_x509_certificate(service.chain)
        names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.UniformResourceIdentifier) == [URI]
        assert shown.not_valid_after_utc - shown.not_valid_before_utc == timedelta(hours=1)
        assert service.renew_at < service.expires_at
        ssl.create_default_context(cadata=root.decode())
        assert not list(directory.keys.iterdir()), "no key of the authority lies on the disk"


async def test_with_nothing_new_nothing_is_signed_and_nothing_written(tmp_path):
    async with founded(tmp_path) as (service, directory, authority):
        before, written = len(service.entries()), directory.certificate_authority.stat().st_ino
        await authority.ensure(operation())
        assert len(service.entries()) == before and directory.certificate_authority.stat().st_ino == written


async def test_sealed_means_no_certificate_and_unsealed_means_certificates_of_the_same_root(tmp_path):
    async with founded(tmp_path) as (service, directory, authority):
        await (await service.client("supervisor")).seal(operation())
        with pytest.raises(Sealed):
            await authority.door([], 24, operation())
        await service.unseal()
        assert verifies((await authority.door([], 24, operation())).chain, directory.certificate_authority.read_bytes())


async def test_every_certificate_is_an_entry_with_the_hash_of_what_was_signed(tmp_path):
    async with founded(tmp_path) as (service, _, authority):
        leaf = await authority.service(URI, operation())
        signed = x509.load_pem_x509_certificate(leaf.chain).tbs_certificate_bytes
        digest = hashes.Hash(hashes.SHA256())
        digest.update(signed)
        assert service.entries()[-1].details["sha256"] == digest.finalize().hex()


async def test_a_rotated_authority_is_trusted_a_week_before_it_signs(tmp_path):
    async with founded(tmp_path) as (service, directory, authority):
        first = directory.certificate_authority.read_bytes()
        key = service.service.vault.bound(Use.CERTIFICATE_AUTHORITY.value)
        await (await service.client("api")).rotate(operation(), KeyRef(key_id=key.id))
        await authority.ensure(operation())
        old, new = pki.split(directory.certificate_authority.read_bytes())
        assert old == first and verifies((await authority.door([], 24, operation())).chain, old)
        service.clock.advance(7 * DAY)
        await authority.ensure(operation())
        assert pki.split(directory.certificate_authority.read_bytes()) == [new, old]
        assert verifies((await authority.door([], 24, operation())).chain, new)


# Crossing over from the time when the key was in keys/


async def old_directory(service, tmp_path):
    """A data directory as an earlier Nexus left it: a root whose key lies wrapped in `keys/`."""
    directory, supervisor = datadir.create(tmp_path / "data"), await service.client("supervisor")
    await custody.found(supervisor, directory, "log.example", operation())
    platform = next(s.key.id for s in service.service.vault.all() if "platform's own keys" in s.key.purpose)
    former = pki.found_authority(directory.instance, service.clock.now())
    context = {"platform": directory.instance, "part": "authority"}
    directory.former_authority_key.write_bytes(await supervisor.wrap(platform, former.key, context, operation()))
    directory.certificate_authority.write_bytes(former.certificate)
    return directory, former, CertificateAuthority(supervisor, directory, service.clock)


async def test_an_earlier_directory_crosses_over_once_and_the_former_root_says_who_follows(tmp_path):
    async with running() as service:
        directory, former, authority = await old_directory(service, tmp_path)
        await authority.ensure(operation())
        root = directory.certificate_authority.read_bytes()
        assert pki.point(root) != pki.point(former.certificate) and not directory.former_authority_key.exists()
        kept, statement = pki.split(directory.former_authority.read_bytes())
        assert kept == former.certificate and pki.point(statement) == pki.point(root) and verifies(statement, kept)
        assert verifies((await authority.door([], 24, operation())).chain, root)
        await authority.ensure(operation())
        assert directory.certificate_authority.read_bytes() == root


async def test_a_crossing_that_was_cut_short_is_finished_by_the_next_start(tmp_path):
    async with running() as service:
        directory, former, authority = await old_directory(service, tmp_path)
        directory.former_authority_key.chmod(0o600)
        kept = directory.former_authority_key.read_bytes()
        await authority.ensure(operation())
        root = directory.certificate_authority.read_bytes()
        directory.former_authority_key.write_bytes(kept)  # as if killed before the last step
        await authority.ensure(operation())
        assert directory.certificate_authority.read_bytes() == root and not directory.former_authority_key.exists()
        assert pki.split(directory.former_authority.read_bytes())[0] == former.certificate


# What the authority refuses, whoever asks


def builder(root, **change):
    """A service's certificate, each part of which a test may replace; None leaves it out."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.load_pem_x509_certificate(root)
    now = change.pop("now")
    parts = {
        "start": now - timedelta(minutes=5),
        "end": now + timedelta(minutes=55),
        "basic": x509.BasicConstraints(ca=False, path_length=None),
        "names": x509.SubjectAlternativeName([x509.UniformResourceIdentifier(URI)]),
        "uses": x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
        "issuer": x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()),
        "subject": x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")]),
        "key": key.public_key(),
        "critical": True,
        "signs": False,
        **change,
    }
    made = (
        x509.CertificateBuilder()
        .subject_name(parts["subject"])
        .issuer_name(issuer.subject)
        .public_key(parts["key"])
        .serial_number(x509.random_serial_number())
        .not_valid_before(parts["start"])
        .not_valid_after(parts["end"])
        .add_extension(pki._usage(signs_certificates=parts["signs"]), critical=True)
    )
    if parts["basic"]:
        made = made.add_extension(parts["basic"], critical=parts["critical"])
    for name in ("names", "uses", "issuer"):
        if parts[name]:
            made = made.add_extension(parts[name], critical=False)
    return made


async def test_the_authority_signs_no_second_authority_and_nothing_that_lasts(tmp_path):
    async with founded(tmp_path) as (service, directory, _):
        supervisor = await service.client("supervisor")
        root = directory.certificate_authority.read_bytes()
        now = pki._moment(service.clock.now())
        own = x509.load_pem_x509_certificate(root)
        ca = x509.BasicConstraints(ca=True, path_length=0)
        other = x509.AuthorityKeyIdentifier.from_issuer_public_key(ec.generate_private_key(ec.SECP256R1()).public_key())
        dns = x509.DNSName("localhost")
        await supervisor.sign_bound(
            Use.CERTIFICATE_AUTHORITY, certificates.unsigned(builder(root, now=now)), operation()
        )
        for change in (
            {"basic": ca},
            {"signs": True},
            {"basic": None},
            {"critical": False},
            {"basic": ca, "signs": True, "key": own.public_key()},
            {"basic": x509.BasicConstraints(ca=True, path_length=1), "key": own.public_key(), "subject": own.subject},
            {"key": own.public_key()},
            {"end": now + timedelta(minutes=61)},
            {"start": now - timedelta(hours=2)},
            {"start": now + timedelta(minutes=10)},
            {"uses": None},
            {"names": None},
            {"issuer": None},
            {"issuer": other},
            {"names": x509.SubjectAlternativeName([x509.UniformResourceIdentifier(URI), dns])},
            {"names": x509.SubjectAlternativeName([dns])},
            {"uses": x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])},
            {"key": ec.generate_private_key(ec.SECP384R1()).public_key()},
            {"names": x509.SubjectAlternativeName([dns]), "end": now + timedelta(days=91)},
        ):
            before = len(service.entries())
            with pytest.raises(Denied):
                await supervisor.sign_bound(
                    Use.CERTIFICATE_AUTHORITY, certificates.unsigned(builder(root, now=now, **change)), operation()
                )
            (refusal,) = service.entries()[before:]
            assert refusal.outcome.value == "denied", change


async def test_what_is_no_certificate_is_not_signed(tmp_path):
    async with founded(tmp_path) as (service, directory, _):
        supervisor = await service.client("supervisor")
        good = pki.draft_service(directory.certificate_authority.read_bytes(), URI, service.clock.now()).to_sign
        rsa_like = good.replace(bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d040304"))
        for message in (b"", b"header.payload", good[:-1], good + b"\0", rsa_like, bytes(20_000), good[1:]):
            with pytest.raises(Invalid):
                await supervisor.sign_bound(Use.CERTIFICATE_AUTHORITY, message, operation())


async def test_a_former_version_signs_with_its_own_root_only(tmp_path):
    async with founded(tmp_path) as (service, directory, _):
        supervisor, root = await service.client("supervisor"), directory.certificate_authority.read_bytes()
        key = service.service.vault.bound(Use.CERTIFICATE_AUTHORITY.value)
        await (await service.client("api")).rotate(operation(), KeyRef(key_id=key.id))
        draft = pki.draft_service(root, URI, service.clock.now())
        with pytest.raises(NexusError):
            await supervisor.sign_bound(Use.CERTIFICATE_AUTHORITY, draft.to_sign, operation(), version=2)
        assert await supervisor.sign_bound(Use.CERTIFICATE_AUTHORITY, draft.to_sign, operation(), version=1)


def test_a_draft_keeps_its_private_key_apart_and_its_public_half_in_the_certificate():
    root = pki.found_authority("nx_test", 1_800_000_000_000_000)
    leaf = pki.sign(root, pki.draft_service(root.certificate, URI, 1_800_000_000_000_000))
    key = serialization.load_pem_private_key(leaf.key.reveal(), password=None)
    assert key.public_key() == x509.load_pem_x509_certificate(leaf.chain).public_key()
    assert leaf.expires_at - 1_800_000_000_000_000 < HOUR
