"""A privileged role that one proposes for another, as tests of four eyes ask for it."""

from nexus.iam.model import Role
from nexus.iam.requests.approvals import Approve
from nexus.iam.requests.rights import ListGrants
from simulators.people import Platform


async def propose(platform: Platform, by, target, role: Role = Role.AUDITOR):
    return await platform.call("iam.role.grant-privileged", platform.op(by), platform.role(target.id, role))


async def approve(platform: Platform, actor, intent):
    return await platform.call("iam.approval.approve", platform.op(actor), Approve(id=intent.id, digest=intent.digest))


async def held(platform: Platform, ada, target) -> list[Role]:
    grants = await platform.call("iam.role.list", platform.op(ada), ListGrants(identity=target.id))
    return [grant.role for grant in grants.grants]
