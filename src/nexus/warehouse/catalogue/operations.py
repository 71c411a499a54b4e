"""Every operation on the catalogue; the doors are generated from `OPERATIONS`. Reading what is public is none: it asks nobody who he is."""

from typing import Any, Final

from nexus.kernel.operation import OperationSpec
from nexus.warehouse.catalogue.requests import (
    Datasets,
    DatasetView,
    DescribeDataset,
    ListDatasets,
    NamedDataset,
    PublishDataset,
    WithdrawDataset,
)
from nexus.warehouse.catalogue.service import READ, CatalogueService


def _spec(
    verb: str, route: str, summary: str, request: type[Any], result: type[Any], *, run: Any, action: str = ""
) -> OperationSpec:
    """`route` is `METHOD /path`, below the catalogue."""
    method, path = route.split(" ")
    name = f"catalogue.dataset.{verb}"
    return OperationSpec(
        name, "catalogue", method, f"/v1/catalogue{path}", summary, request, result, action or name, run
    )


OPERATIONS: Final[tuple[OperationSpec, ...]] = (
    _spec(
        "describe",
        "POST /datasets/{dataset}",
        "Describe a dataset for the public catalogue",
        DescribeDataset,
        DatasetView,
        run=CatalogueService.describe,
    ),
    _spec(
        "list",
        "GET /datasets",
        "List the datasets of the catalogue, and the open releases that it does not show",
        ListDatasets,
        Datasets,
        run=CatalogueService.list,
        action=READ,
    ),
    _spec(
        "read",
        "GET /datasets/{dataset}",
        "Show a dataset, what it lacks, and what publishing would show",
        NamedDataset,
        DatasetView,
        run=CatalogueService.read,
    ),
    _spec(
        "publish",
        "POST /datasets/{dataset}/publication",
        "Show a dataset to everybody",
        PublishDataset,
        DatasetView,
        run=CatalogueService.publish,
    ),
    _spec(
        "withdraw",
        "POST /datasets/{dataset}/withdrawal",
        "Take a dataset out of the catalogue",
        WithdrawDataset,
        DatasetView,
        run=CatalogueService.withdraw,
    ),
)
