"""Tags and details of resources."""

from __future__ import annotations

from typing import Any

from sdn_orch.northbound.cloudstack.answers.owners import owner
from sdn_orch.northbound.cloudstack.model_tenancy import ResourceDetail, Tag
from sdn_orch.northbound.cloudstack.resources import type_name
from sdn_orch.northbound.cloudstack.shapes import Field, Shape, items, string

_Said = Tag | ResourceDetail


def _said() -> tuple[Field[Any], ...]:
    return (
        string("key", "the key", lambda _, said: said.key),
        string("value", "the value", lambda _, said: said.value),
        string("resourcetype", "the type of the resource", lambda _, said: type_name(said.subject_kind)),
        string("resourceid", "the id of the resource", lambda _, said: said.subject_id),
        *owner(lambda said: said.account_id),
    )


TAG: Shape[Tag] = Shape(
    key="tag",
    resource="Tag",
    kind=Tag,
    keywords=("key", "value"),
    fields=(*_said(), string("customer", "the customer", lambda _, tag: tag.customer or None)),
)

RESOURCE_DETAIL: Shape[ResourceDetail] = Shape(
    key="resourcedetail",
    resource="ResourceDetail",
    kind=ResourceDetail,
    keywords=("key", "value"),
    fields=_said(),
)


def tags() -> Field[Any]:
    """The tags of a resource; clients want the list even when it is empty."""
    return items(
        "tags",
        "the resource tags",
        lambda scene, record: list(scene.snapshot.where(Tag, "subject_id", record.id)),
        TAG.fields,
    )
