"""Lists of what there is nothing of here, for clients that look before they act: all are empty."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sdn_orch.northbound.cloudstack.calls.balancers import RULE_ID
from sdn_orch.northbound.cloudstack.declare import ADMINS, EVERYBODY, Call, Command, lists
from sdn_orch.northbound.cloudstack.parameters import Parameter
from sdn_orch.northbound.cloudstack.shapes import Shape, always, string


def _nothing(
    name: str, key: str, what: str, *parameters: Parameter[Any], is_for_admins: bool = False
) -> Command:
    shape: Shape[None] = Shape(
        key=key,
        resource="",
        keywords=("id",),
        fields=(string("id", "the id", always(None)),),
    )

    roles = ADMINS if is_for_admins else EVERYBODY

    @lists(name, shape, f"Lists {what}; there are none", *parameters, roles=roles)
    def none(_call: Call) -> Iterable[None]:
        return ()

    return none


LIST_CLUSTERS = _nothing("listClusters", "cluster", "clusters", is_for_admins=True)
LIST_HOSTS = _nothing("listHosts", "host", "hosts", is_for_admins=True)
LIST_ALERTS = _nothing("listAlerts", "alert", "alerts", is_for_admins=True)
LIST_STORAGE_POOLS = _nothing("listStoragePools", "storagepool", "storage pools", is_for_admins=True)
LIST_AFFINITY_GROUPS = _nothing("listAffinityGroups", "affinitygroup", "affinity groups")
LIST_AFFINITY_GROUP_TYPES = _nothing(
    "listAffinityGroupTypes", "affinityGroupType", "types of affinity groups"
)
LIST_DISK_OFFERINGS = _nothing("listDiskOfferings", "diskoffering", "disk offerings")
LIST_VOLUMES = _nothing("listVolumes", "volume", "volumes")
LIST_SNAPSHOTS = _nothing("listSnapshots", "snapshot", "snapshots")
LIST_ISOS = _nothing("listIsos", "iso", "ISO images")
LIST_INSTANCE_GROUPS = _nothing("listInstanceGroups", "instancegroup", "groups of machines")
LIST_VM_GROUPS = _nothing(
    "listAutoScaleVmGroups", "autoscalevmgroup", "groups of machines that grow and shrink", RULE_ID
)
LIST_POLICIES = _nothing("listAutoScalePolicies", "autoscalepolicy", "policies of such groups")
LIST_PROFILES = _nothing("listAutoScaleVmProfiles", "autoscalevmprofile", "profiles of machines in them")
LIST_CONDITIONS = _nothing("listConditions", "condition", "conditions of such policies")
LIST_COUNTERS = _nothing("listCounters", "counter", "counters that conditions are about")
LIST_GLOBAL_RULES = _nothing(
    "listGlobalLoadBalancerRules", "globalloadbalancerrule", "load balancer rules over several regions"
)
