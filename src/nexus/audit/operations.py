"""The operations of the audit log, each defined once: REST and the command line are generated from this table."""

from nexus.audit import model
from nexus.audit.service import AuditService
from nexus.kernel.operation import OperationSpec, Resource


def _log(service: AuditService, request: object) -> Resource:
    return model.LOG


OPERATIONS: tuple[OperationSpec, ...] = (
    OperationSpec(
        name="audit.entry.list",
        service="audit",
        method="GET",
        path="/v1/audit/entries",
        summary="Search the audit log, newest entries first",
        request=model.ListEntries,
        result=model.EntryPage,
        action="audit.entry.list",
        run=AuditService.list_entries,
        resource=_log,
    ),
    OperationSpec(
        name="audit.entry.prove",
        service="audit",
        method="GET",
        path="/v1/audit/entries/{index}/receipt",
        summary="Prove one entry with a receipt that anybody can verify offline",
        request=model.ProveEntry,
        result=model.Receipt,
        action="audit.entry.prove",
        run=AuditService.prove_entry,
        resource=_log,
    ),
    OperationSpec(
        name="audit.entry.erase",
        service="audit",
        method="POST",
        path="/v1/audit/erasures",
        summary="Make the entries of one person unreadable for good; every proof still verifies",
        request=model.ErasePerson,
        result=model.Erasure,
        action="audit.entry.erase",
        run=AuditService.erase_person,
        resource=_log,
        sensitive=True,
    ),
    OperationSpec(
        name="audit.log.read",
        service="audit",
        method="GET",
        path="/v1/audit/log",
        summary="Show the latest checkpoint, the log's public keys and its witness policy",
        request=model.ReadLog,
        result=model.LogState,
        action="audit.log.read",
        run=AuditService.read_log,
        resource=_log,
    ),
    OperationSpec(
        name="audit.log.verify",
        service="audit",
        method="POST",
        path="/v1/audit/log/verification",
        summary="Recompute the whole log: every entry, tile, checkpoint, signature and witness",
        request=model.VerifyLog,
        result=model.Verification,
        action="audit.log.verify",
        run=AuditService.verify_log,
        resource=_log,
    ),
    OperationSpec(
        name="audit.log.export",
        service="audit",
        method="GET",
        path="/v1/audit/log/export",
        summary="Read a page of the log for a copy that can be checked elsewhere",
        request=model.ExportLog,
        result=model.ExportPage,
        action="audit.log.export",
        run=AuditService.export_log,
        resource=_log,
    ),
    OperationSpec(
        name="audit.log.configure",
        service="audit",
        method="PUT",
        path="/v1/audit/log/policy",
        summary="Change which witnesses cosign the log and how many of them must",
        request=model.LogPolicy,
        result=model.LogState,
        action="audit.log.configure",
        run=AuditService.configure_log,
        resource=_log,
        sensitive=True,
    ),
)
