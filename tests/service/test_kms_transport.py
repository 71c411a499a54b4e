"""Keys that come from elsewhere and keys that leave: wrapped both ways, once, and under four eyes on the way out.

Fulfils EMC-39 (import of external keys, BYOK) and the export rule of the four eyes.
"""

import os
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nexus.crypto import wrapping
from nexus.kernel.clock import DAY, HOUR
from nexus.kernel.errors import Conflict, Damaged, Denied, Invalid, NotFound
from nexus.kms.model import KeyClass
from nexus.kms.requests import ExportKey, ImportKey, ImportVersion, KeyRef, Nothing
from simulators.keyservice import running
from simulators.operations import operation
from simulators.tokens import needs_softhsm

CONTEXT = {"bucket": "bkt_1"}
HASHES = {"SHA-1": hashes.SHA1, "SHA-256": hashes.SHA256}
RECIPIENT = generate_private_key(65_537, 3_072)
RECIPIENT_PUBLIC = RECIPIENT.public_key().public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
)


@pytest.fixture(params=["keystore", pytest.param("pkcs11", marks=[needs_softhsm, pytest.mark.softhsm])])
async def kms(request):
    async with running(request.param) as service:
        yield service


def oaep(name):
    return padding.OAEP(padding.MGF1(HASHES[name]()), HASHES[name](), None)


def wrapped_for(parameters, material):
    """What a hospital does with the parameters, with any cryptographic library."""
    wrapping_key = os.urandom(32)
    public = serialization.load_der_public_key(parameters.public_key)
    sealed = public.encrypt(wrapping_key, oaep(parameters.oaep_hash))
    return sealed + wrapping.kwp_wrap(wrapping_key, material)


def request(parameters, material, **more):
    described = {"owner": "per_carol", "purpose": "key of the hospital", "rotation_days": 365, **more}
    return ImportKey(import_id=parameters.import_id, wrapped=wrapped_for(parameters, material), **described)


async def test_an_imported_key_is_the_hospitals_own(kms):
    api = await kms.client()
    material = os.urandom(32)
    parameters = await api.import_parameters(operation(), Nothing())
    key = await api.import_key(operation(), request(parameters, material))
    assert (key.key_class, key.owner, key.rotation_days) == (KeyClass.IMPORTED, "per_carol", 365)
    made = await api.generate(key.id, CONTEXT, operation())
    blob = wrapping.parse(made.wrapped)
    associated = wrapping.associated_data(key.id, 1, wrapping.canonical(CONTEXT))
    assert wrapping.unseal(AESGCM(material), blob.sealed, associated) == made.plaintext.reveal()
    assert material not in b"".join(path.read_bytes() for path in kms.root.rglob("*") if path.is_file())


async def test_a_transport_key_serves_once_and_not_for_ever(kms):
    api = await kms.client()
    parameters = await api.import_parameters(operation(), Nothing())
    await api.import_key(operation(), request(parameters, os.urandom(32)))
    with pytest.raises(NotFound):
        await api.import_key(operation(), request(parameters, os.urandom(32)))
    late = await api.import_parameters(operation(), Nothing())
    kms.clock.advance(25 * HOUR)
    with pytest.raises(NotFound):
        await api.import_key(operation(), request(late, os.urandom(32)))
    await kms.turn()
    with kms.db.read() as tx:
        assert tx.one("SELECT count(*) FROM kms_import") == (0,)


async def test_a_damaged_import_leaves_no_key_and_may_be_tried_again(kms):
    api = await kms.client()
    parameters = await api.import_parameters(operation(), Nothing())
    good = request(parameters, os.urandom(32))
    before = len(kms.service.vault.all())
    for wrapped in (b"", good.wrapped[:-1], b"\0" + good.wrapped[1:], good.wrapped[:-1] + b"\0"):
        with pytest.raises((Damaged, Invalid)):
            await api.import_key(
                operation(),
                ImportKey(
                    import_id=parameters.import_id,
                    wrapped=wrapped,
                    owner="per_carol",
                    purpose="x",
                    rotation_days=1,
                ),
            )
    assert len(kms.service.vault.all()) == before
    await api.import_key(operation(), good)


async def test_an_imported_key_rotates_by_another_import():
    async with running() as kms:
        api = await kms.client()
        key = await api.import_key(
            operation(), request(await api.import_parameters(operation(), Nothing()), os.urandom(32), rotation_days=5)
        )
        old = await api.generate(key.id, CONTEXT, operation())
        with pytest.raises(Invalid):
            await api.rotate(operation(), KeyRef(key_id=key.id))
        kms.clock.advance(6 * DAY)
        await kms.turn()
        assert kms.service.vault.key(key.id).current.number == 1
        parameters = await api.import_parameters(operation(), Nothing())
        version = ImportVersion(
            key_id=key.id, import_id=parameters.import_id, wrapped=wrapped_for(parameters, os.urandom(32))
        )
        assert (await api.import_version(operation(), version)).current.number == 2
        assert await api.unwrap(old.wrapped, CONTEXT, operation()) == old.plaintext


async def test_an_exportable_key_leaves_under_an_approval_wrapped_for_its_recipient(kms):
    api = await kms.client()
    key = await kms.create(api, exportable=True)
    made = await api.generate(key.id, CONTEXT, operation())
    asked = ExportKey(key_id=key.id, recipient=RECIPIENT_PUBLIC)
    with pytest.raises(Denied):
        await api.export_key(operation(), asked)
    exported = await api.export_key(replace(operation(), approval="apr_9"), asked)
    wrapping_key = RECIPIENT.decrypt(exported.wrapped[:384], oaep(exported.oaep_hash))
    material = wrapping.kwp_unwrap(wrapping_key, exported.wrapped[384:])
    associated = wrapping.associated_data(key.id, 1, wrapping.canonical(CONTEXT))
    opened = wrapping.unseal(AESGCM(material), wrapping.parse(made.wrapped).sealed, associated)
    assert opened == made.plaintext.reveal()
    entry = kms.entries()[-1]
    assert (entry.action, entry.details["approval"]) == ("kms.key.export", "apr_9")


async def test_a_key_that_was_not_created_so_never_leaves(kms):
    api = await kms.client()
    key = await kms.create(api)
    signing = await kms.create(api, key_class=KeyClass.SIGNING, exportable=True)
    op = replace(operation(), approval="apr_9")
    with pytest.raises(Denied):
        await api.export_key(op, ExportKey(key_id=key.id, recipient=RECIPIENT_PUBLIC))
    with pytest.raises(Invalid):
        await api.export_key(op, ExportKey(key_id=signing.id, recipient=RECIPIENT_PUBLIC))
    for weak in (b"", b"no key", RECIPIENT_PUBLIC[:-3]):
        exportable = await kms.create(api, exportable=True)
        with pytest.raises(Invalid):
            await api.export_key(op, ExportKey(key_id=exportable.id, recipient=weak))


async def test_transport_keys_are_limited():
    async with running() as kms:
        api = await kms.client()
        with kms.db.read() as tx:
            assert tx.one("SELECT count(*) FROM kms_import") == (0,)
        kms.db.submit(_sixteen_imports).result()
        with pytest.raises(Conflict):
            await api.import_parameters(operation(), Nothing())


def _sixteen_imports(tx):
    from nexus.kernel.database import Recorded
    from nexus.kernel.operation import PLATFORM

    rows = [(f"imp_{number}", b"", 2**60) for number in range(16)]
    tx.execute_many("INSERT INTO kms_import VALUES (?, ?, ?)", rows)
    return Recorded(None, operation().allowed("kms.key.import", PLATFORM))
