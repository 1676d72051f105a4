"""createTags, deleteTags, listTags and the same of details: what is said about resources."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar
from uuid import uuid4

from sdn_orch.intent.model import Record
from sdn_orch.northbound.cloudstack.answers.tags import RESOURCE_DETAIL, TAG
from sdn_orch.northbound.cloudstack.callers import owner_id
from sdn_orch.northbound.cloudstack.declare import ROOT, Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model_tenancy import ResourceDetail, Tag
from sdn_orch.northbound.cloudstack.parameters import Entry, boolean, mapping, required, text, words
from sdn_orch.northbound.cloudstack.resources import resource, resource_kind
from sdn_orch.northbound.cloudstack.scope import SCOPE, chosen, only_account, visible
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

S = TypeVar("S", Tag, ResourceDetail)

RESOURCE_IDS = words("resourceids", "the ids of the resources")
RESOURCE_ID = text("resourceid", "the id of the resource")
RESOURCE_TYPE = text("resourcetype", "the type of the resources: UserVm, Network, Vpc…")
CUSTOMER = text("customer", "the customer, who is told with the tags")
KEY = text("key", "the key")
VALUE = text("value", "the value")
GIVEN = mapping("tags", "key and value of each tag")
DETAILS = mapping("details", "key and value of each detail")
FOR_DISPLAY = boolean("fordisplay", "whether users see it")

_LENGTH = 255


@changes(
    "createTags",
    SUCCESS,
    "Gives resources tags",
    required(RESOURCE_IDS),
    required(RESOURCE_TYPE),
    required(GIVEN),
    CUSTOMER,
    mode=Mode.ASYNC,
    event="CREATE_TAGS",
)
def create_tags(call: Call) -> None:
    """Every resource gets every tag, or none gets any."""
    wanted = _pairs(call[GIVEN])
    for record in _resources(call):
        present = {tag.key for tag in call.snapshot.where(Tag, "subject_id", record.id)}
        for key, value in wanted.items():
            if key in present:
                raise bad(f"tag {key} already on {call[RESOURCE_TYPE]} with id {record.id}")
            call.transaction.put(
                Tag(
                    id=str(uuid4()),
                    subject_kind=type(record).__name__,
                    subject_id=record.id,
                    account_id=_account_id(call, record),
                    key=key,
                    value=value,
                    customer=call.get(CUSTOMER) or "",
                )
            )


@changes(
    "deleteTags",
    SUCCESS,
    "Takes tags from resources",
    required(RESOURCE_IDS),
    required(RESOURCE_TYPE),
    GIVEN,
    mode=Mode.ASYNC,
    event="DELETE_TAGS",
)
def delete_tags(call: Call) -> None:
    """The tags with these keys, of these values where values are given; all tags if none is named."""
    entries = call.get(GIVEN) or ()
    if any(not entry.get("key") for entry in entries):
        raise bad("Invalid parameter tags: every tag needs a key")
    found = [
        tag
        for record in _resources(call)
        for tag in call.snapshot.where(Tag, "subject_id", record.id)
        if not entries or any(_names(entry, tag) for entry in entries)
    ]
    if not found:
        raise bad("Unable to find any tags which conform to specified delete parameters.")
    call.transaction.delete(*found)


@lists("listTags", TAG, "Lists tags", RESOURCE_TYPE, RESOURCE_ID, KEY, VALUE, CUSTOMER, *SCOPE)
def list_tags(call: Call) -> Iterable[Tag]:
    """Tags by resource, key and owner."""
    return chosen(_said(call, Tag), (call.get(CUSTOMER), lambda tag: tag.customer))


@changes(
    "addResourceDetail",
    SUCCESS,
    "Gives a resource details",
    required(RESOURCE_ID),
    required(RESOURCE_TYPE),
    required(DETAILS),
    FOR_DISPLAY,
    mode=Mode.ASYNC,
    roles=ROOT,
    event="CREATE_RESOURCE_DETAILS",
)
def add_resource_detail(call: Call) -> None:
    """Details with the same keys are replaced."""
    record = resource(call, resource_kind(call[RESOURCE_TYPE]), call[RESOURCE_ID])
    old = {each.key: each for each in call.snapshot.where(ResourceDetail, "subject_id", record.id)}
    for key, value in _details(call[DETAILS]).items():
        if key in old:
            call.transaction.delete(old[key])
        call.transaction.put(
            ResourceDetail(
                id=str(uuid4()),
                subject_kind=type(record).__name__,
                subject_id=record.id,
                account_id=_account_id(call, record),
                key=key,
                value=value,
                for_display=call.get(FOR_DISPLAY) is not False,
            )
        )


@changes(
    "removeResourceDetail",
    SUCCESS,
    "Takes details from a resource",
    required(RESOURCE_ID),
    required(RESOURCE_TYPE),
    KEY,
    mode=Mode.ASYNC,
    roles=ROOT,
    event="DELETE_RESOURCE_DETAILS",
)
def remove_resource_detail(call: Call) -> None:
    """The detail with this key, or all of them."""
    record = resource(call, resource_kind(call[RESOURCE_TYPE]), call[RESOURCE_ID])
    for detail in call.snapshot.where(ResourceDetail, "subject_id", record.id):
        if call.get(KEY) in (None, detail.key):
            call.transaction.delete(detail)


@lists(
    "listResourceDetails",
    RESOURCE_DETAIL,
    "Lists details of resources",
    required(RESOURCE_TYPE),
    RESOURCE_ID,
    KEY,
    VALUE,
    FOR_DISPLAY,
    *SCOPE,
)
def list_resource_details(call: Call) -> Iterable[ResourceDetail]:
    """Details by resource, key and owner; users see those that are for them."""
    shown = call.get(FOR_DISPLAY) if call.caller.is_root_admin else True
    return chosen(_said(call, ResourceDetail), (shown, lambda detail: detail.for_display))


def _said(call: Call, kind: type[S]) -> Iterable[S]:
    """What is said about resources, found through the narrowest index."""
    snapshot, type_of = call.snapshot, call.get(RESOURCE_TYPE)
    id, key, account = call.get(RESOURCE_ID), call.get(KEY), only_account(call)
    if id is not None:
        found: Iterable[S] = snapshot.where(kind, "subject_id", id.lower())
    elif key is not None:
        found = snapshot.where(kind, "key", key)
    elif account is not None:
        found = snapshot.where(kind, "account_id", account.id)
    else:
        found = snapshot.all(kind)
    return chosen(
        visible(call, found),
        (resource_kind(type_of).__name__ if type_of else None, lambda said: said.subject_kind),
        (key, lambda said: said.key),
        (call.get(VALUE), lambda said: said.value),
    )


def _resources(call: Call) -> list[Record]:
    """The resources that are named, once each."""
    kind = resource_kind(call[RESOURCE_TYPE])
    found = [resource(call, kind, id) for id in call[RESOURCE_IDS]]
    return list({record.id: record for record in found}.values())


def _account_id(call: Call, record: Record) -> str:
    return owner_id(call.snapshot, record) or call.caller.account.id


def _pairs(entries: tuple[Entry, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for entry in entries:
        key, value = entry.get("key", ""), entry.get("value", "")
        if not key or not value:
            raise bad("Invalid parameter tags: every tag needs a key and a value")
        if key in pairs:
            raise bad(f"Invalid parameter tags: key {key[:_LENGTH]} is given twice")
        _check_text(key, value)
        pairs[key] = value
    return pairs


def _details(entries: tuple[Entry, ...]) -> dict[str, str]:
    """Details as clients send them: key and value of each, or the keys as names of fields."""
    pairs: dict[str, str] = {}
    for entry in entries:
        named = {entry["key"]: entry["value"]} if entry.keys() == {"key", "value"} else dict(entry)
        for key, value in named.items():
            _check_text(key, value)
        pairs |= named
    return pairs


def _check_text(key: str, value: str) -> None:
    for text_given in (key, value):
        if len(text_given) > _LENGTH or any(ord(character) < 32 for character in text_given):
            raise bad(f"Invalid key or value of {key[:_LENGTH]!r}: 255 printable characters at most")


def _names(entry: Entry, tag: Tag) -> bool:
    return entry["key"] == tag.key and entry.get("value") in (None, "", tag.value)
