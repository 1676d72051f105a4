"""Lists of what there is nothing of here, for clients that look before they act: all are empty."""

from __future__ import annotations

from collections.abc import Iterable

from sdn_orch.northbound.cloudstack.declare import ADMINS, EVERYBODY, Call, Command, lists
from sdn_orch.northbound.cloudstack.shapes import Shape, always, string


def _nothing(name: str, key: str, what: str, *, is_for_admins: bool = False) -> Command:
    shape: Shape[None] = Shape(
        key=key,
        resource="",
        fields=(string("id", "the id", always(None)), string("name", "the name", always(None))),
    )

    @lists(name, shape, f"Lists {what}; there are none", roles=ADMINS if is_for_admins else EVERYBODY)
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
LIST_KEY_PAIRS = _nothing("listSSHKeyPairs", "sshkeypair", "SSH key pairs")
LIST_USER_DATA = _nothing("listUserData", "userdata", "registered user data")
LIST_INSTANCE_GROUPS = _nothing("listInstanceGroups", "instancegroup", "groups of machines")
