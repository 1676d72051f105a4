"""Every route of the operator's door, one declaration each."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any

from sdn_orch.errors import NotFound
from sdn_orch.intent.balancers import Balancer, Member
from sdn_orch.intent.model import Link, Network, Nic, Switch
from sdn_orch.northbound.operator import (
    balancers,
    cloudstack_sync,
    extension,
    flows,
    lists,
    objects,
    proxies,
    routes_balancers,
    tokens,
    trace,
)
from sdn_orch.northbound.operator.declare import Asked, Declaration, cut, page, reads, writes
from sdn_orch.northbound.operator.find import find_network, find_switch
from sdn_orch.northbound.operator.models import (
    BalancerAnswer,
    BalancerCounters,
    BalancerOptions,
    ExtensionAnswer,
    ExtensionCommand,
    MemberAnswer,
    NetworkAnswer,
    NetworkChange,
    NicAnswer,
    ObjectAnswer,
    ObjectsQuery,
    Page,
    Paged,
    TokenAnswer,
    TokenMade,
    TokenWanted,
    Weight,
)
from sdn_orch.northbound.operator.models_cloudstack import SyncAnswer, SyncState, SyncWanted
from sdn_orch.northbound.operator.models_fabric import (
    CookieExplained,
    FlowsAnswer,
    LinkAnswer,
    ObjectExplained,
    PlanAnswer,
    PortExplained,
    StatusAnswer,
    SwitchAnswer,
    TopologyAnswer,
    TraceAnswer,
    TraceQuery,
)
from sdn_orch.northbound.operator.models_proxies import AgentState, ProxiesQuery, ProxyAnswer
from sdn_orch.northbound.operator.tokens import Scope
from sdn_orch.northbound.service import Transaction

#: A network of thousands of machines with their user data.
LARGEST_PAYLOAD = 64 * 1024 * 1024


@reads("/v1/status", StatusAnswer, "The daemon and its switches")
def get_status(asked: Asked) -> Any:
    """Uptime, revision, how many objects there are, and where every switch stands."""
    return lists.status(asked.view)


@reads("/v1/topology", TopologyAnswer, "Switches, ports, NICs and cables")
def get_topology(asked: Asked) -> Any:
    """The fabric as a whole."""
    return lists.topology(asked.view)


@reads("/v1/switches", Page[SwitchAnswer], "Switches", query=Paged)
def list_switches(asked: Asked) -> Any:
    """Every switch and where it stands."""
    found = asked.view.world().snapshot.all(Switch)
    return page(found, partial(lists.switch, asked.view), asked.query)


@reads("/v1/switches/{switch}", SwitchAnswer, "A switch")
def get_switch(asked: Asked) -> Any:
    """By name, id or dpid."""
    return lists.switch(asked.view, find_switch(asked.view.world().snapshot, asked.path["switch"]))


@reads("/v1/switches/{switch}/flows", FlowsAnswer, "What a switch holds")
def get_flows(asked: Asked) -> Any:
    """Read now, beside what it should hold; a switch that is not connected lacks all of it."""
    return flows.flows(asked.view, asked.path["switch"])


@reads("/v1/switches/{switch}/plan", PlanAnswer, "What a switch would be sent now")
def get_plan(asked: Asked) -> Any:
    """Nothing is sent."""
    return flows.plan_of(asked.view, find_switch(asked.view.world().snapshot, asked.path["switch"]))


@reads("/v1/plan", list[PlanAnswer], "What every switch would be sent now")
def get_plans(asked: Asked) -> Any:
    """Nothing is sent."""
    return flows.plan(asked.view)


@reads("/v1/links", Page[LinkAnswer], "Cables", query=Paged)
def list_links(asked: Asked) -> Any:
    """Every cable between two switches."""
    snapshot = asked.view.world().snapshot
    return page(snapshot.all(Link), partial(lists.link, snapshot), asked.query)


@reads("/v1/networks", Page[NetworkAnswer], "Networks", query=Paged)
def list_networks(asked: Asked) -> Any:
    """Every tenant's network with how far it has come."""
    snapshot = asked.view.world().snapshot
    return page(snapshot.all(Network), partial(lists.network, asked.view, snapshot), asked.query)


@reads("/v1/networks/{network}", NetworkAnswer, "A network")
def get_network(asked: Asked) -> Any:
    """By name or id."""
    snapshot = asked.service.snapshot
    return lists.network(asked.view, snapshot, find_network(snapshot, asked.path["network"]))


@writes(
    "PUT",
    "/v1/networks/{network}",
    NetworkAnswer,
    "Say whether a network cuts connections",
    scope=Scope.OPERATE,
    body=NetworkChange,
)
def put_network(asked: Asked) -> Any:
    """By name or id; with If-Match only if it is still what the client saw. It holds for connections too that
    stand already.
    """

    def use_case(transaction: Transaction) -> Any:
        old = find_network(transaction.snapshot, asked.path["network"])
        asked.check_match(NetworkAnswer(**lists.network(asked.view, transaction.snapshot, old)))
        new = transaction.put(replace(old, cuts_connections=asked.body.cuts_connections))
        return lists.network(asked.view, transaction.snapshot, new)

    return asked.service.write(use_case)


@reads("/v1/ports", Page[NicAnswer], "NICs", query=Paged)
def list_ports(asked: Asked) -> Any:
    """Every NIC, where it is, and how far it has come."""
    found = asked.view.world().snapshot.all(Nic)
    return page(found, partial(lists.port, asked.view), asked.query)


@reads("/v1/objects", Page[ObjectAnswer], "What tenants asked for", query=ObjectsQuery)
def list_objects(asked: Asked) -> Any:
    """Every object with how far it has come: realised where, waiting for what, refused why."""
    return cut(objects.objects(asked.view, asked.query), asked.query)


@reads("/v1/objects/{kind}/{id}", ObjectAnswer, "One thing that a tenant asked for")
def get_object(asked: Asked) -> Any:
    """By kind and id."""
    return objects.one_object(asked.view, asked.path["kind"], asked.path["id"])


@reads(
    "/v1/explain/{what:anything}",
    CookieExplained | PortExplained | ObjectExplained,
    "What is behind a cookie, a port or an object",
)
def explain(asked: Asked) -> Any:
    """A cookie (`0x…`), a port (`leaf1:3`), or a NIC, network, VPC or switch by name or id."""
    return flows.explain(asked.view, asked.path["what"])


@reads("/v1/trace", TraceAnswer, "What would become of a packet", query=TraceQuery)
def trace_packet(asked: Asked) -> Any:
    """Through the tables of every switch on its way, as they are now."""
    return trace.trace(asked.view, asked.query)


@reads("/v1/balancers", Page[BalancerAnswer], "Load balancers", query=Paged)
def list_balancers(asked: Asked) -> Any:
    """Every load balancer with how far it has come."""
    snapshot = asked.service.snapshot
    return page(snapshot.all(Balancer), partial(balancers.balancer_row, asked.view, snapshot), asked.query)


@reads("/v1/balancers/{balancer}", BalancerAnswer, "A load balancer")
def get_balancer(asked: Asked) -> Any:
    """By id."""
    snapshot = asked.service.snapshot
    balancer = balancers.find_balancer(snapshot, asked.path["balancer"])
    return balancers.balancer_row(asked.view, snapshot, balancer)


@writes(
    "PUT",
    "/v1/balancers/{balancer}",
    BalancerAnswer,
    "Give a load balancer other options",
    scope=Scope.OPERATE,
    body=BalancerOptions,
)
def put_balancer(asked: Asked) -> Any:
    """Those that are left out are as they are by default. With If-Match only if it is still what was seen."""
    return balancers.set_options(asked)


@reads("/v1/balancers/{balancer}/counters", BalancerCounters, "What a load balancer's members had")
def get_balancer_counters(asked: Asked) -> Any:
    """Connections, packets and bytes, as the switches count them."""
    snapshot = asked.service.snapshot
    balancer = balancers.find_balancer(snapshot, asked.path["balancer"])
    return balancers.counters_row(asked.view, snapshot, balancer)


@reads("/v1/counters", Page[BalancerCounters], "What every load balancer's members had", query=Paged)
def list_counters(asked: Asked) -> Any:
    """Connections, packets and bytes, as the switches count them."""
    snapshot = asked.service.snapshot
    return page(snapshot.all(Balancer), partial(balancers.counters_row, asked.view, snapshot), asked.query)


@reads("/v1/balancers/{balancer}/members", Page[MemberAnswer], "Members of a load balancer", query=Paged)
def list_members(asked: Asked) -> Any:
    """The NICs behind it with their weights."""
    snapshot = asked.service.snapshot
    balancer = balancers.find_balancer(snapshot, asked.path["balancer"])
    found = snapshot.where(Member, "balancer_id", balancer.id)
    return page(found, partial(balancers.member_row, snapshot), asked.query)


@reads("/v1/balancers/{balancer}/members/{member}", MemberAnswer, "A member of a load balancer")
def get_member(asked: Asked) -> Any:
    """By its own id and its load balancer's."""
    snapshot = asked.service.snapshot
    found = balancers.find_member(snapshot, asked.path["balancer"], asked.path["member"])
    return balancers.member_row(snapshot, found)


@writes(
    "PUT",
    "/v1/balancers/{balancer}/members/{member}",
    MemberAnswer,
    "Give a member another weight",
    scope=Scope.OPERATE,
    body=Weight,
)
def put_member(asked: Asked) -> Any:
    """With If-Match only if it is still what the client saw."""
    return balancers.set_weight(asked)


@reads(
    "/v1/switches/{switch}/proxies",
    list[ProxyAnswer],
    "Proxies of load balancers",
    query=ProxiesQuery,
    scope=Scope.PROXY,
)
def list_proxies(asked: Asked) -> Any:
    """All those that are to run on the host of this gateway now, if its agent asks as it should."""
    world = asked.view.world()
    switch = find_switch(world.snapshot, asked.path["switch"])
    match asked.query.agent:
        case AgentState.STAYS:
            asked.hosts.asked(switch.id)
        case AgentState.LEAVES:
            asked.hosts.leaves(switch.id)
    return list(proxies.proxies(world, switch, asked.hosts.among(world.gateways()), asked.service.vault))


@writes(
    "POST",
    "/v1/extension/{command}",
    ExtensionAnswer,
    "A command of CloudStack's extension",
    scope=Scope.OPERATE,
    body=ExtensionCommand,
    largest_body=LARGEST_PAYLOAD,
)
def run_extension_command(asked: Asked) -> Any:
    """Carried out in one transaction, however often it comes; one that is not known does nothing."""
    return {"output": extension.run(asked)}


@writes(
    "POST",
    "/v1/cloudstack/sync",
    SyncAnswer,
    "Compare with CloudStack",
    scope=Scope.OPERATE,
    body=SyncWanted,
)
def sync_with_cloudstack(asked: Asked) -> Any:
    """Everything, and bring here what differs; or only say what would be done."""
    return cloudstack_sync.run(asked)


@reads("/v1/cloudstack/sync", SyncState, "How far comparisons with CloudStack have come")
def show_cloudstack_sync(asked: Asked) -> Any:
    """When everything was last compared, what was left undone then, and what was heard of events."""
    return cloudstack_sync.state(asked)


@reads("/v1/tokens", Page[TokenAnswer], "Tokens", query=Paged)
def list_tokens(asked: Asked) -> Any:
    """Every token, without what opens the door."""
    return page(asked.service.snapshot.all(tokens.Token), _token, asked.query)


@reads("/v1/tokens/{token}", TokenAnswer, "A token")
def get_token(asked: Asked) -> Any:
    """By id."""
    return _token(_find_token(asked.service.snapshot.get(tokens.Token, asked.path["token"]), asked))


@writes(
    "POST",
    "/v1/tokens",
    TokenMade,
    "Make a token",
    scope=Scope.ADMIN,
    body=TokenWanted,
    status=HTTPStatus.CREATED,
)
def create_token(asked: Asked) -> Any:
    """What opens the door is in this answer, and never told again."""
    wanted: TokenWanted = asked.body
    token, secret = asked.service.write(
        lambda transaction: tokens.create(transaction, wanted.name, wanted.scope, wanted.days)
    )
    return TokenMade(**_token(token).model_dump(), token=secret)


@writes(
    "DELETE", "/v1/tokens/{token}", None, "Revoke a token", scope=Scope.ADMIN, status=HTTPStatus.NO_CONTENT
)
def delete_token(asked: Asked) -> None:
    """From now on it opens no door."""

    def use_case(transaction: Transaction) -> None:
        found = _find_token(transaction.snapshot.get(tokens.Token, asked.path["token"]), asked)
        asked.check_match(_token(found))
        transaction.delete(found)

    asked.service.write(use_case)


def _find_token(found: tokens.Token | None, asked: Asked) -> tokens.Token:
    if found is None:
        raise NotFound(f"there is no token {asked.path['token']}")
    return found


def _token(token: tokens.Token) -> TokenAnswer:
    return TokenAnswer(
        id=token.id, name=token.name, scope=token.scope, created=token.created, expires=token.expires
    )


DECLARATIONS: tuple[Declaration, ...] = (
    *(value for value in tuple(globals().values()) if isinstance(value, Declaration)),
    *routes_balancers.DECLARATIONS,
)
