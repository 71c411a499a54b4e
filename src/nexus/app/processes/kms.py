"""The key service's process: the only one with keys in its memory for longer than a lease, and without a network."""

from functools import partial
from pathlib import Path

from nexus.app import softhsm
from nexus.app.datadir import open_directory
from nexus.app.handoff import Handoff
from nexus.app.processes.life import Life
from nexus.app.telemetry import the_key_service
from nexus.kms import process
from nexus.kms.process import Observers, ProcessSettings


async def main(given: Handoff, life: Life) -> None:
    """Serve keys until told to stop. Starts sealed, always."""
    process.harden()
    directory = open_directory(Path(given.root))
    settings = given.settings
    told = ProcessSettings(
        instance=directory.instance,
        directory=str(directory.kms),
        socket=str(directory.kms_socket),
        anchors=tuple(str(path) for path in directory.anchors(settings.anchors)),
        provider=settings.provider,
        pkcs11_module=str(softhsm.module_path(settings.pkcs11_module)) if settings.provider == "pkcs11" else "",
        pkcs11_label=settings.pkcs11_label,
        demonstration=directory.is_demonstration,
        demo_destruction_seconds=settings.demo_destruction_seconds,
    )
    watch = life.watch
    observers = Observers(watch.commits, watch.served_calls, partial(the_key_service.key_service, watch, directory))
    await process.run(told, life.identity, life.stop, life.ready, observers)
