"""Names by which parts of the platform are known to each other: callers of the key service, and their operations."""

from nexus.kernel.clock import Clock
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Actor, ActorKind, Operation, system_actor

KMS, S3, API, CONSOLE, PORTAL, BASTION, WORKER = "kms", "s3", "api", "console", "portal", "bastion", "worker"
PSEUDONYMS_FIRST, PSEUDONYMS_SECOND = "pseudonyms-first", "pseudonyms-second"
WAREHOUSE, SFTP = "warehouse", "sftp"
"""Processes."""
SUPERVISOR = "supervisor"
LEVELS = (PSEUDONYMS_SECOND, PSEUDONYMS_FIRST)
"""The services of pseudonyms, in the order in which they start: the first level calls the second."""
CALLERS = (SUPERVISOR, S3, API, CONSOLE, PORTAL, BASTION, WORKER, PSEUDONYMS_FIRST, PSEUDONYMS_SECOND, WAREHOUSE, SFTP)
"""Those who call the key service, each with a certificate of its own."""
PURPOSE = "operation"


def platform_operation(part: str, clock: Clock) -> Operation:
    """An operation that a part of the platform does by itself, now."""
    return Operation(new_id("op"), system_actor(part), PURPOSE, clock.now(), origin="local", door=part)


def local_operation(user: str, clock: Clock) -> Operation:
    """An operation that a user of this machine asks of the supervisor, without signing in."""
    actor = Actor(f"local:{user}", ActorKind.SYSTEM, user)
    return Operation(new_id("op"), actor, PURPOSE, clock.now(), origin="local", door=SUPERVISOR)
