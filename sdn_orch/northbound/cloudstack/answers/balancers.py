"""Load balancer rules, internal load balancers, their policies, and certificates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sdn_orch.intent.balancers import Algorithm, Balancer, Certificate, HealthCheck, Member, Stickiness
from sdn_orch.intent.health import is_failing
from sdn_orch.intent.model import Machine, Nic
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import SCTP, TCP, UDP
from sdn_orch.northbound import balancers
from sdn_orch.northbound.cloudstack.answers.machines import MACHINE
from sdn_orch.northbound.cloudstack.answers.owners import owner, place
from sdn_orch.northbound.cloudstack.answers.rules import rule_state
from sdn_orch.northbound.cloudstack.answers.tags import tags
from sdn_orch.northbound.cloudstack.model import NetworkDetails
from sdn_orch.northbound.cloudstack.model_balancers import (
    BalancerDetails,
    HealthCheckDetails,
    StickinessDetails,
)
from sdn_orch.northbound.cloudstack.shapes import (
    Field,
    Scene,
    Shape,
    flag,
    items,
    number,
    of,
    string,
)

R = TypeVar("R")

ALGORITHMS = {
    "roundrobin": Algorithm.ROUND_ROBIN,
    "leastconn": Algorithm.LEAST_CONNECTIONS,
    "source": Algorithm.SOURCE,
}
_ALGORITHM_NAMES = {algorithm: name for name, algorithm in ALGORITHMS.items()}

#: IANA's number, whether members are told the client's address, whether clients speak TLS.
PROTOCOLS = {
    "tcp": (TCP, False, False),
    "udp": (UDP, False, False),
    "tcp-proxy": (TCP, True, False),
    "ssl": (TCP, False, True),
}
_PROTOCOL_NAMES = {meant: name for name, meant in PROTOCOLS.items()} | {(SCTP, False, False): "sctp"}


#: When what CloudStack's calls have not made was made, as far as they know.
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def details(snapshot: Snapshot, balancer: Balancer) -> BalancerDetails:
    """What CloudStack knows of the balancer; nothing of one that was not made by its calls."""
    found = snapshot.get(BalancerDetails, balancer.id)
    sources = tuple(map(str, balancer.sources))
    return found or BalancerDetails(id=balancer.id, created=_NEVER, cidr_list=sources)


def zone_id(snapshot: Snapshot, balancer: Balancer) -> str:
    """The zone of the members' network."""
    return snapshot.need(NetworkDetails, balancer.network_id).zone_id


def _described(scene: Scene, balancer: Balancer) -> str | None:
    return details(scene.snapshot, balancer).description or None


def _for_display(scene: Scene, balancer: Balancer) -> bool:
    return details(scene.snapshot, balancer).for_display


def _public_address(scene: Scene, balancer: Balancer) -> object:
    if balancer.address_id is None:
        return None
    return scene.snapshot.need(PublicAddress, balancer.address_id).address


RULE: Shape[Balancer] = Shape(
    key="loadbalancer",
    resource="LoadBalancer",
    kind=Balancer,
    fields=(
        string("id", "the id of the rule", lambda _, balancer: balancer.id),
        string("name", "the name of the rule", lambda _, balancer: balancer.name),
        string("description", "what it is for", _described),
        string("publicipid", "the public IP address", lambda _, balancer: balancer.address_id),
        string("publicip", "the public IP address", _public_address),
        string("publicport", "the public port", lambda _, balancer: balancer.ports[0]),
        string("privateport", "the port of the machines", lambda _, balancer: balancer.guest_ports[0]),
        string("algorithm", "how machines are chosen", lambda _, b: _ALGORITHM_NAMES[b.algorithm]),
        string(
            "protocol",
            "the protocol",
            lambda _, b: _PROTOCOL_NAMES[b.protocol, b.proxy_protocol, b.tls],
        ),
        string(
            "cidrlist",
            "who may connect",
            lambda scene, b: ",".join(details(scene.snapshot, b).cidr_list) or None,
        ),
        string("networkid", "the network of the machines", lambda _, balancer: balancer.network_id),
        *owner(lambda balancer: balancer.account_id),
        *place(lambda scene, balancer: zone_id(scene.snapshot, balancer)),
        string("state", "the state of the rule", rule_state),
        flag("fordisplay", "whether users see it", _for_display),
        tags(),
    ),
)


@dataclass(frozen=True, slots=True)
class Assigned:
    """A machine behind a rule, with its addresses that are members; whether one lives, if that is checked."""

    machine: Machine
    addresses: tuple[str, ...] = ()
    lives: bool | None = None

    @property
    def id(self) -> str:
        """The machine's, by which its tags are found."""
        return self.machine.id


def assigned(snapshot: Snapshot, balancer: Balancer) -> list[Assigned]:
    """The machines behind a rule, once each."""
    is_checked = snapshot.count_where(HealthCheck, "balancer_id", balancer.id) > 0
    found: dict[str, Assigned] = {}
    for member, nic in balancers.members(snapshot, balancer):
        if nic.machine_id is None:
            continue
        before = found.get(nic.machine_id) or Assigned(snapshot.need(Machine, nic.machine_id))
        addresses = (*before.addresses, str(member.address(nic, balancer.version)))
        lives = before.lives or not is_failing(snapshot, member) if is_checked else None
        found[nic.machine_id] = Assigned(before.machine, addresses, lives)
    return list(found.values())


def _service_state(_: Scene, each: Assigned) -> str | None:
    return None if each.lives is None else "Up" if each.lives else "Down"


#: A machine behind a rule.
INSTANCE: Shape[Assigned] = Shape(
    key=MACHINE.key,
    resource=MACHINE.resource,
    keywords=MACHINE.keywords,
    fields=(
        *of(lambda _, each: each.machine, *MACHINE.fields),
        string("servicestate", "Up or Down, as the rule's health checks find it", _service_state),
    ),
)
#: A machine behind a rule with its addresses there, when asked for with lbvmips.
ASSIGNED: Shape[Assigned] = Shape(
    key="lbrulevmidip",
    resource="",
    keywords=(),
    fields=(
        Field(
            "loadbalancerruleinstance",
            "responseobject",
            "the machine",
            INSTANCE.render,
            fields=INSTANCE.fields,
        ),
        items("lbvmipaddresses", "its addresses in the rule", lambda _, each: list(each.addresses)),
    ),
)


def _instance(read: Callable[[Scene, Member, Nic, Machine], object]) -> Callable[[Scene, Member], object]:
    def of_member(scene: Scene, member: Member) -> object:
        nic = scene.snapshot.need(Nic, member.nic_id)
        return read(scene, member, nic, scene.snapshot.need(Machine, nic.machine_id or ""))

    return of_member


INNER: Shape[Balancer] = Shape(
    key="loadbalancer",
    resource="LoadBalancer",
    kind=Balancer,
    fields=(
        string("id", "the id of the load balancer", lambda _, balancer: balancer.id),
        string("name", "the name", lambda _, balancer: balancer.name),
        string("description", "what it is for", _described),
        string("algorithm", "how machines are chosen", lambda _, b: _ALGORITHM_NAMES[b.algorithm]),
        string("networkid", "the network of the machines", lambda _, balancer: balancer.network_id),
        string("sourceipaddress", "its address", lambda _, balancer: balancer.inner),
        string("sourceipaddressnetworkid", "the network of its address", lambda _, b: b.inner_network_id),
        *owner(lambda balancer: balancer.account_id),
        items(
            "loadbalancerrule",
            "what it does",
            lambda _, balancer: [balancer],
            (
                number("sourceport", "its port", lambda _, balancer: balancer.ports[0]),
                number("instanceport", "the port of the machines", lambda _, b: b.guest_ports[0]),
                string("state", "the state of the rule", rule_state),
            ),
        ),
        items(
            "loadbalancerinstance",
            "the machines behind it",
            lambda scene, b: list(scene.snapshot.where(Member, "balancer_id", b.id)),
            (
                string("id", "the id of the machine", _instance(lambda _s, _m, _n, machine: machine.id)),
                string("name", "its name", _instance(lambda _s, _m, _n, machine: machine.name)),
                string(
                    "state",
                    "its state",
                    _instance(lambda _s, _m, _n, machine: "Running" if machine.running else "Stopped"),
                ),
                string(
                    "ipaddress",
                    "its address",
                    _instance(
                        lambda scene, member, nic, _: member.address(
                            nic, scene.snapshot.need(Balancer, member.balancer_id).version
                        )
                    ),
                ),
            ),
        ),
        flag("fordisplay", "whether users see it", _for_display),
        tags(),
    ),
)


def _rule_of(scene: Scene, policy: Stickiness | HealthCheck) -> Balancer:
    return scene.snapshot.need(Balancer, policy.balancer_id)


def _named(fields: tuple[Field[R], ...], *names: str) -> tuple[Field[R], ...]:
    """Those of the fields that CloudStack has too."""
    return tuple(field for field in fields if field.name in names)


def _policy_fields(key: str, fields: tuple[Field[Any], ...]) -> tuple[Field[Any], ...]:
    """What both kinds of policy are wrapped in: the rule's, with the one policy that it has."""
    return (
        string("lbruleid", "the rule", lambda _, policy: policy.balancer_id),
        *of(
            _rule_of,
            *_named(owner(lambda balancer: balancer.account_id), "account", "domainid", "domain"),
            string("zoneid", "the zone id", lambda scene, balancer: zone_id(scene.snapshot, balancer)),
        ),
        items(key, "the policies of the rule", lambda _, policy: [policy], fields),
    )


def _sticky(scene: Scene, policy: Stickiness) -> StickinessDetails:
    return scene.snapshot.need(StickinessDetails, policy.id)


def _parameters(scene: Scene, policy: Stickiness) -> dict[str, str]:
    shown: dict[str, str] = {}
    for name, value in _sticky(scene, policy).parameters:
        shown[name] = f"{shown[name]},{value}" if name in shown else value
    return shown


STICKINESS: Shape[Stickiness] = Shape(
    key="stickinesspolicies",
    resource="LBStickinessPolicy",
    kind=Stickiness,
    fields=(
        *_policy_fields(
            "stickinesspolicy",
            (
                string("id", "the id of the policy", lambda _, policy: policy.id),
                string("name", "its name", lambda _, policy: policy.name),
                string("description", "what it is for", lambda s, p: _sticky(s, p).description or None),
                string("methodname", "the method", lambda s, p: _sticky(s, p).method),
                Field("params", "map", "the parameters", _parameters),
                string("state", "the state", rule_state),
                flag("fordisplay", "whether users see it", lambda s, p: _sticky(s, p).for_display),
            ),
        ),
        string("name", "the name of the policy", lambda _, policy: policy.name),
        string("description", "what it is for", lambda s, p: _sticky(s, p).description or None),
        string("state", "the state", rule_state),
    ),
)


def _checked(scene: Scene, policy: HealthCheck) -> HealthCheckDetails:
    return scene.snapshot.need(HealthCheckDetails, policy.id)


HEALTH_CHECK: Shape[HealthCheck] = Shape(
    key="healthcheckpolicies",
    resource="LBHealthCheckPolicy",
    kind=HealthCheck,
    keywords=("lbruleid",),
    fields=_policy_fields(
        "healthcheckpolicy",
        (
            string("id", "the id of the policy", lambda _, policy: policy.id),
            string("description", "what it is for", lambda s, p: _checked(s, p).description or None),
            string("pingpath", "what is asked for", lambda _, policy: policy.path or None),
            number("responsetime", "seconds that an answer may take", lambda _, policy: policy.timeout),
            number("healthcheckinterval", "seconds between checks", lambda _, policy: policy.interval),
            number("healthcheckthresshold", "answers until it lives", lambda _, policy: policy.healthy),
            number("unhealthcheckthresshold", "failures until it is dead", lambda _, p: p.unhealthy),
            string("state", "the state", rule_state),
            flag("fordisplay", "whether users see it", lambda s, p: _checked(s, p).for_display),
        ),
    ),
)

CERTIFICATE: Shape[Certificate] = Shape(
    key="sslcert",
    resource="SslCertificate",
    kind=Certificate,
    fields=(
        string("id", "the id of the certificate", lambda _, each: each.id),
        string("name", "its name", lambda _, each: each.name),
        string("certificate", "the certificate, PEM", lambda _, each: each.certificate),
        string("certchain", "the certificates up to the authority, PEM", lambda _, each: each.chain or None),
        string("fingerprint", "the SHA-512 fingerprint", lambda _, each: each.fingerprint),
        *_named(owner(lambda each: each.account_id), "account", "projectid", "project", "domainid", "domain"),
        items(
            "loadbalancerrulelist",
            "the rules that use it",
            lambda scene, each: [b.id for b in scene.snapshot.where(Balancer, "certificate_id", each.id)],
        ),
    ),
)
