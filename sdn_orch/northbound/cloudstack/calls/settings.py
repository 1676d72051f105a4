"""listConfigurations, updateConfiguration."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from sdn_orch.northbound.cloudstack.answers.settings import SETTING
from sdn_orch.northbound.cloudstack.calls.common import NAME
from sdn_orch.northbound.cloudstack.declare import ROOT, Call, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.filters import all_have
from sdn_orch.northbound.cloudstack.model_tenancy import SettingValue
from sdn_orch.northbound.cloudstack.parameters import required, text
from sdn_orch.northbound.cloudstack.settings import PAGE_SIZE, SETTINGS, Setting

CATEGORY = text("category", "the category")
GROUPS = tuple(
    all_have(text(name, f"settings in this {what}; none is"), None)
    for name, what in (("group", "group"), ("subgroup", "part of a group"), ("parent", "other setting"))
)
VALUE = text("value", "the value")
#: Nothing can be set for a part of the installation only.
SCOPES = tuple(
    text(name, f"refused: settings are of the whole installation, not of one {what}")
    for name, what in (
        ("accountid", "account"),
        ("domainid", "domain"),
        ("zoneid", "zone"),
        ("clusterid", "cluster"),
        ("storageid", "storage pool"),
        ("imagestoreuuid", "image store"),
    )
)


@lists("listConfigurations", SETTING, "Lists settings", NAME, CATEGORY, *GROUPS, *SCOPES, roles=ROOT)
def list_configurations(call: Call) -> Iterable[Setting]:
    """Settings with the values in force; none of one account, zone and so on."""
    if any(call.get(scope) is not None for scope in SCOPES):
        return ()
    name, category = call.get(NAME), call.get(CATEGORY)
    return [
        setting
        for setting in SETTINGS.values()
        if name in (None, setting.name) and category in (None, setting.category)
    ]


@changes(
    "updateConfiguration",
    SETTING,
    "Changes a setting",
    required(NAME),
    VALUE,
    *SCOPES,
    roles=ROOT,
    event="CONFIGURATION.VALUE.EDIT",
)
def update_configuration(call: Call) -> Setting:
    """The setting, in force from now on; without a value it is the default again."""
    setting, value = SETTINGS.get(call[NAME]), call.get(VALUE)
    if setting is None:
        raise bad(f"Config parameter with name {call[NAME]} doesn't exist")
    for scope in SCOPES:
        if call.get(scope) is not None:
            raise bad(f"Invalid parameter {scope.name}: setting {setting.name} is of the whole installation")
    value = setting.default if value is None else value.strip().lower()
    if setting.low is None:
        if value not in ("true", "false"):
            raise bad(f"Invalid value {value} for setting {setting.name}: it must be true or false")
    elif not re.fullmatch(r"-?\d{1,10}", value, re.ASCII) or int(value) < setting.low or int(value) >= 2**31:
        raise bad(f"Invalid value {value} for setting {setting.name}: it must be {setting.low} or more")
    elif setting is PAGE_SIZE and int(value) == 0:
        raise bad(f"Invalid value 0 for setting {setting.name}: it must be -1 or positive")
    old = call.snapshot.get(SettingValue, setting.name)
    new = SettingValue(id=setting.name, value=value)
    call.transaction.put(replace(old, value=value) if old else new)
    return setting
