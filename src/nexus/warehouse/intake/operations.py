"""Every operation of intake; the doors are generated from `OPERATIONS`."""

from typing import Any, Final

from nexus.kernel.operation import OperationSpec, Resource
from nexus.warehouse.intake.requests import (
    ChangeAgreement,
    Deliveries,
    DeliveryReceipt,
    DeliveryView,
    EndProvider,
    JudgeDelivery,
    ListDeliveries,
    ListProviders,
    NamedDelivery,
    NamedProvider,
    Providers,
    ProviderView,
    RegisterProvider,
    SubmitDelivery,
)
from nexus.warehouse.intake.service import IntakeService

READ: Final = "intake.delivery.read"


def _named(service: IntakeService, request: Any) -> Resource:
    return service.resource(request.provider)


def _new(service: IntakeService, request: RegisterProvider) -> Resource:
    return service.bucket_resource(request.bucket)


def _spec(
    name: str, route: str, summary: str, request: type[Any], result: type[Any], *, run: Any, action: str = ""
) -> OperationSpec:
    """`route` is `METHOD /path`."""
    method, path = route.split(" ")
    return OperationSpec(name, "intake", method, path, summary, request, result, action or name, run, _named)


OPERATIONS: Final[tuple[OperationSpec, ...]] = (
    OperationSpec(
        name="intake.provider.register",
        service="intake",
        method="POST",
        path="/v1/providers",
        summary="Register an organisation that delivers extracts",
        request=RegisterProvider,
        result=ProviderView,
        action="intake.provider.register",
        run=IntakeService.register,
        resource=_new,
    ),
    OperationSpec(
        name="intake.provider.list",
        service="intake",
        method="GET",
        path="/v1/providers",
        summary="List the providers that one may see",
        request=ListProviders,
        result=Providers,
        action="intake.provider.list",
        run=IntakeService.list,
    ),
    _spec(
        "intake.provider.read",
        "GET /v1/providers/{provider}",
        "Show a provider and what is agreed with it",
        NamedProvider,
        ProviderView,
        run=IntakeService.read,
    ),
    _spec(
        "intake.provider.agree",
        "PUT /v1/providers/{provider}/agreement",
        "Agree with a provider on another form of deliveries",
        ChangeAgreement,
        ProviderView,
        run=IntakeService.agree,
    ),
    _spec(
        "intake.provider.end",
        "POST /v1/providers/{provider}/end",
        "End the deliveries of a provider",
        EndProvider,
        ProviderView,
        run=IntakeService.end,
    ),
    _spec(
        "intake.delivery.submit",
        "POST /v1/providers/{provider}/deliveries",
        "Hand a delivery in, to be checked",
        SubmitDelivery,
        DeliveryView,
        run=IntakeService.submit,
    ),
    _spec(
        "intake.delivery.list",
        "GET /v1/providers/{provider}/deliveries",
        "List the deliveries of a provider",
        ListDeliveries,
        Deliveries,
        run=IntakeService.deliveries,
        action=READ,
    ),
    _spec(
        "intake.delivery.read",
        "GET /v1/providers/{provider}/deliveries/{number}",
        "Show a delivery and the report of its check",
        NamedDelivery,
        DeliveryView,
        run=IntakeService.delivery,
    ),
    _spec(
        "intake.delivery.accept",
        "POST /v1/providers/{provider}/deliveries/{number}/acceptance",
        "Accept a delivery that passed every check",
        JudgeDelivery,
        DeliveryView,
        run=IntakeService.accept,
    ),
    _spec(
        "intake.delivery.refuse",
        "POST /v1/providers/{provider}/deliveries/{number}/refusal",
        "Refuse a delivery",
        JudgeDelivery,
        DeliveryView,
        run=IntakeService.refuse,
    ),
    _spec(
        "intake.delivery.receipt",
        "GET /v1/providers/{provider}/deliveries/{number}/receipt",
        "Give the signed receipt of a delivery",
        NamedDelivery,
        DeliveryReceipt,
        run=IntakeService.receipt,
        action=READ,
    ),
)
