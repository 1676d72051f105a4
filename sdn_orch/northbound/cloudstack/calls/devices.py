"""External devices and router machines: there are none here, and these calls say so.

Lists are empty, what would add a device is refused with the reason, and an id names nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sdn_orch.northbound.cloudstack.answers.networks import NETWORK
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.declare import ADMINS, ROOT, Call, Command, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.filters import nowhere
from sdn_orch.northbound.cloudstack.model import PhysicalNetwork, ServiceOffering
from sdn_orch.northbound.cloudstack.parameters import (
    Parameter,
    boolean,
    entity,
    integer,
    mapping,
    required,
    text,
    words,
)
from sdn_orch.northbound.cloudstack.scope import SCOPE
from sdn_orch.northbound.cloudstack.shapes import SUCCESS, Shape, always, string


def _shape(key: str, resource: str, id: str = "id") -> Shape[None]:
    return Shape(key=key, resource=resource, keywords=(id,), fields=(string(id, "the id", always(None)),))


def _none(
    name: str,
    shape: Shape[Any],
    what: str,
    *parameters: Parameter[Any],
    is_for_root: bool = True,
) -> Command:
    roles = ROOT if is_for_root else ADMINS

    @lists(name, shape, f"Lists {what}; there are none", *parameters, roles=roles)
    def none(_call: Call) -> Iterable[None]:
        return ()

    return none


def _refused(
    name: str, shape: Shape[Any], does: str, event: str, why: str, *parameters: Parameter[Any], **more: Any
) -> Command:
    @changes(name, shape, f"{does}; refused, for {why}", *parameters, event=event, **({"roles": ROOT} | more))
    def refused(_call: Call) -> None:
        raise bad(f"{name} is refused: {why}")

    return refused


NO_DRIVER = "no driver for external devices is installed"
NO_ROUTERS = "there are no router machines: the switches do what they did"

DEVICE = nowhere("lbdeviceid", "the device")
PHYSICAL = entity("physicalnetworkid", PhysicalNetwork, "the physical network", Access.ANY)
TYPE = text("networkdevicetype", "the type of the device")
URL = text("url", "where its management is")
USERNAME = text("username", "who manages it")
PASSWORD = text("password", "the password")
CAPACITY = integer("lbdevicecapacity", "how many networks it may serve")
DEDICATED = boolean("lbdevicededicated", "whether it serves one account")
INLINE = boolean("inline", "whether traffic passes through it on its way to the firewall")
PODS = words("podids", "the pods that it serves")
PARAMETERS = mapping("networkdeviceparameterlist", "parameters of the device")

_F5 = _shape("f5loadbalancer", "F5LoadBalancer", "lbdeviceid")
_NETSCALER = _shape("netscalerloadbalancer", "NetscalerLoadBalancer", "lbdeviceid")
_DEVICE = _shape("networkdevice", "NetworkDevice")
_ROUTER = _shape("router", "DomainRouter")
_ADDED = (required(TYPE), required(URL), required(USERNAME), required(PASSWORD), required(PHYSICAL))

ADD_NETWORK_DEVICE = _refused(
    "addNetworkDevice", _DEVICE, "Adds a device", "NETWORK.DEVICE.ADD", NO_DRIVER, TYPE, PARAMETERS
)
LIST_NETWORK_DEVICE = _none("listNetworkDevice", _DEVICE, "devices", TYPE, PARAMETERS)
DELETE_NETWORK_DEVICE = _refused(
    "deleteNetworkDevice",
    SUCCESS,
    "Deletes a device",
    "NETWORK.DEVICE.DELETE",
    NO_DRIVER,
    required(nowhere("id", "the device")),
)
LIST_SRX_NETWORKS = _none(
    "listSrxFirewallNetworks", NETWORK, "networks behind an SRX firewall", required(DEVICE)
)

_LB = {"mode": Mode.ASYNC}
ADD_F5 = _refused(
    "addF5LoadBalancer", _F5, "Adds an F5 device", "PHYSICAL.LOADBALANCER.ADD", NO_DRIVER, *_ADDED, **_LB
)
CONFIGURE_F5 = _refused(
    "configureF5LoadBalancer",
    _F5,
    "Configures an F5 device",
    "PHYSICAL.LOADBALANCER.CONFIGURE",
    NO_DRIVER,
    required(DEVICE),
    CAPACITY,
    **_LB,
)
DELETE_F5 = _refused(
    "deleteF5LoadBalancer",
    SUCCESS,
    "Deletes an F5 device",
    "PHYSICAL.LOADBALANCER.DELETE",
    NO_DRIVER,
    required(DEVICE),
    **_LB,
)
LIST_F5 = _none("listF5LoadBalancers", _F5, "F5 devices", DEVICE, PHYSICAL)
LIST_F5_NETWORKS = _none("listF5LoadBalancerNetworks", NETWORK, "networks behind an F5", required(DEVICE))
ADD_NETSCALER = _refused(
    "addNetscalerLoadBalancer",
    _NETSCALER,
    "Adds a NetScaler",
    "PHYSICAL.LOADBALANCER.ADD",
    NO_DRIVER,
    *_ADDED,
    **_LB,
)
CONFIGURE_NETSCALER = _refused(
    "configureNetscalerLoadBalancer",
    _NETSCALER,
    "Configures a NetScaler",
    "PHYSICAL.LOADBALANCER.CONFIGURE",
    NO_DRIVER,
    required(DEVICE),
    CAPACITY,
    DEDICATED,
    INLINE,
    PODS,
    **_LB,
)
DELETE_NETSCALER = _refused(
    "deleteNetscalerLoadBalancer",
    SUCCESS,
    "Deletes a NetScaler",
    "PHYSICAL.LOADBALANCER.DELETE",
    NO_DRIVER,
    required(DEVICE),
    **_LB,
)
LIST_NETSCALER = _none("listNetscalerLoadBalancers", _NETSCALER, "NetScalers", DEVICE, PHYSICAL)
LIST_NETSCALER_NETWORKS = _none(
    "listNetscalerLoadBalancerNetworks", NETWORK, "networks behind a NetScaler", required(DEVICE)
)

ROUTER_ID = nowhere("id", "the router")
LIST_ROUTERS = _none("listRouters", _ROUTER, "router machines", ROUTER_ID, *SCOPE, is_for_root=False)


def _router(name: str, does: str, event: str, *parameters: Parameter[Any], **more: Any) -> Command:
    given = (required(ROUTER_ID), *parameters)
    return _refused(name, _ROUTER, does, event, NO_ROUTERS, *given, **({"roles": ADMINS} | more))


FORCED = boolean("forced", "at once")

START_ROUTER = _router("startRouter", "Starts a router machine", "ROUTER.START", **_LB)
STOP_ROUTER = _router("stopRouter", "Stops a router machine", "ROUTER.STOP", FORCED, **_LB)
REBOOT_ROUTER = _router("rebootRouter", "Reboots a router machine", "ROUTER.REBOOT", FORCED, **_LB)
DESTROY_ROUTER = _router("destroyRouter", "Destroys a router machine", "ROUTER.DESTROY", **_LB)
CHANGE_ROUTER = _router(
    "changeServiceForRouter",
    "Gives a router machine another size",
    "ROUTER.UPGRADE",
    required(entity("serviceofferingid", ServiceOffering, "the size", Access.ANY)),
)
