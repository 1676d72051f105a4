"""Stickiness and health check policies of load balancer rules: create, update, delete, list."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, TypeVar
from uuid import uuid4

from sdn_orch.intent.balancers import Balancer, HealthCheck, Stickiness
from sdn_orch.intent.model import Record
from sdn_orch.northbound import proxies
from sdn_orch.northbound.cloudstack.answers.balancers import HEALTH_CHECK, STICKINESS
from sdn_orch.northbound.cloudstack.calls.balancers import DESCRIPTION, FOR_DISPLAY, RULE_ID
from sdn_orch.northbound.cloudstack.calls.common import NAME
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model_balancers import HealthCheckDetails, StickinessDetails
from sdn_orch.northbound.cloudstack.parameters import (
    Parameter,
    entity,
    integer,
    mapping,
    required,
    text,
)
from sdn_orch.northbound.cloudstack.scope import chosen
from sdn_orch.northbound.cloudstack.shapes import SUCCESS
from sdn_orch.northbound.cloudstack.stickiness import meaning, method, read_parameters

R = TypeVar("R", bound=Record)

STICKINESS_ID = entity("id", Stickiness, "the id of the stickiness policy")
METHOD = text("methodname", "LbCookie, AppCookie or SourceBased")
PARAMETERS = mapping("param", "parameters of the method: name and value of each")
HEALTH_CHECK_ID = entity("id", HealthCheck, "the id of the health check policy")
PING_PATH = text("pingpath", "what is asked for; / by default")
TIMEOUT = integer("responsetimeout", "seconds that an answer may take, 2 to 60; 5 by default")
INTERVAL = integer("intervaltime", "seconds between checks, 1 to 300; 5 by default")
HEALTHY = integer("healthythreshold", "answers until a machine lives again; 2 by default")
UNHEALTHY = integer("unhealthythreshold", "failures until a machine is dead; 10 by default")


@changes(
    "createLBStickinessPolicy",
    STICKINESS,
    "Makes clients that come again get the machine that they had",
    required(RULE_ID),
    required(METHOD),
    required(NAME),
    PARAMETERS,
    DESCRIPTION,
    FOR_DISPLAY,
    mode=Mode.ASYNC_CREATE,
    event="LB.STICKINESSPOLICY.CREATE",
    since="3.0.0",
)
def create_lb_stickiness_policy(call: Call) -> Stickiness:
    """The only policy of its rule."""
    balancer, found = call[RULE_ID], method(call[METHOD])
    if found is None:
        raise bad(f"Failed to match Stickiness method name for LB rule:{balancer.id}")
    if call.snapshot.where(Stickiness, "balancer_id", balancer.id):
        raise bad(f"Failed to create Stickiness policy: Already policy attached {balancer.id}")
    given = read_parameters(found, call.get(PARAMETERS) or ())
    expire, clients, options = meaning(found, given)
    policy = call.transaction.put(
        Stickiness(
            id=str(uuid4()),
            balancer_id=balancer.id,
            name=call[NAME],
            affinity=found.affinity,
            expire=expire,
            clients=clients,
            options=options,
        )
    )
    call.transaction.put(
        StickinessDetails(
            id=policy.id,
            method=found.name,
            parameters=given,
            description=call.get(DESCRIPTION) or "",
            for_display=call.get(FOR_DISPLAY) is not False,
        )
    )
    proxies.follow(call.transaction, balancer)
    return policy


@changes(
    "updateLBStickinessPolicy",
    STICKINESS,
    "Updates a stickiness policy",
    required(STICKINESS_ID),
    FOR_DISPLAY,
    mode=Mode.ASYNC,
    event="LB.STICKINESSPOLICY.UPDATE",
    since="4.4",
)
def update_lb_stickiness_policy(call: Call) -> Stickiness:
    """The policy, shown to users or not."""
    _show(call, StickinessDetails, call[STICKINESS_ID].id)
    return call[STICKINESS_ID]


@changes(
    "deleteLBStickinessPolicy",
    SUCCESS,
    "Deletes a stickiness policy",
    required(STICKINESS_ID),
    mode=Mode.ASYNC,
    event="LB.STICKINESSPOLICY.DELETE",
    since="3.0.0",
)
def delete_lb_stickiness_policy(call: Call) -> None:
    """Clients are no longer told apart."""
    call.transaction.delete(call[STICKINESS_ID])
    proxies.follow(call.transaction, call.snapshot.need(Balancer, call[STICKINESS_ID].balancer_id))


@lists(
    "listLBStickinessPolicies",
    STICKINESS,
    "Lists the stickiness policy of a load balancer rule",
    STICKINESS_ID,
    RULE_ID,
    FOR_DISPLAY,
    since="3.0.0",
)
def list_lb_stickiness_policies(call: Call) -> Iterable[Stickiness]:
    """The one policy of a rule."""
    return chosen(
        _of_rule(call, Stickiness, STICKINESS_ID, "stickiness"),
        (call.get(FOR_DISPLAY), lambda each: call.snapshot.need(StickinessDetails, each.id).for_display),
    )


@changes(
    "createLBHealthCheckPolicy",
    HEALTH_CHECK,
    "Makes a load balancer rule find out which machines live",
    required(RULE_ID),
    PING_PATH,
    TIMEOUT,
    INTERVAL,
    HEALTHY,
    UNHEALTHY,
    DESCRIPTION,
    FOR_DISPLAY,
    mode=Mode.ASYNC_CREATE,
    event="LB.HEALTHCHECKPOLICY.CREATE",
    since="4.2.0",
)
def create_lb_health_check_policy(call: Call) -> HealthCheck:
    """The only check of its rule; what is left out is as CloudStack has it."""
    balancer = call[RULE_ID]
    if call.snapshot.where(HealthCheck, "balancer_id", balancer.id):
        raise bad(
            f"Failed to create HealthCheck policy: Already policy attached for the LB Rule: {balancer.id}"
        )
    given = {
        "path": call.get(PING_PATH),
        "timeout": call.get(TIMEOUT),
        "interval": call.get(INTERVAL),
        "healthy": call.get(HEALTHY),
        "unhealthy": call.get(UNHEALTHY),
    }
    policy = dataclasses.replace(
        HealthCheck(id=str(uuid4()), balancer_id=balancer.id),
        **{name: value for name, value in given.items() if value is not None},  # type: ignore[arg-type]
    )
    call.transaction.put(policy)
    call.transaction.put(
        HealthCheckDetails(
            id=policy.id,
            description=call.get(DESCRIPTION) or "",
            for_display=call.get(FOR_DISPLAY) is not False,
        )
    )
    return policy


@changes(
    "updateLBHealthCheckPolicy",
    HEALTH_CHECK,
    "Updates a health check policy",
    required(HEALTH_CHECK_ID),
    FOR_DISPLAY,
    mode=Mode.ASYNC,
    event="LB.HEALTHCHECKPOLICY.UPDATE",
    since="4.4",
)
def update_lb_health_check_policy(call: Call) -> HealthCheck:
    """The policy, shown to users or not."""
    _show(call, HealthCheckDetails, call[HEALTH_CHECK_ID].id)
    return call[HEALTH_CHECK_ID]


@changes(
    "deleteLBHealthCheckPolicy",
    SUCCESS,
    "Deletes a health check policy",
    required(HEALTH_CHECK_ID),
    mode=Mode.ASYNC,
    event="LB.HEALTHCHECKPOLICY.DELETE",
    since="4.2.0",
)
def delete_lb_health_check_policy(call: Call) -> None:
    """All machines count as live."""
    call.transaction.delete(call[HEALTH_CHECK_ID])


@lists(
    "listLBHealthCheckPolicies",
    HEALTH_CHECK,
    "Lists the health check policy of a load balancer rule",
    HEALTH_CHECK_ID,
    RULE_ID,
    FOR_DISPLAY,
    since="4.2.0",
)
def list_lb_health_check_policies(call: Call) -> Iterable[HealthCheck]:
    """The one check of a rule."""
    return chosen(
        _of_rule(call, HealthCheck, HEALTH_CHECK_ID, "health check"),
        (call.get(FOR_DISPLAY), lambda each: call.snapshot.need(HealthCheckDetails, each.id).for_display),
    )


def _of_rule(call: Call, kind: type[R], id: Parameter[R], what: str) -> Iterable[R]:
    """The policies that are named, or those of the rule that is; raises a fault if neither is."""
    policy, balancer = call.get(id), call.get(RULE_ID)
    if policy is None and balancer is None:
        raise bad(f"load balancer rule ID and {what} policy ID can't be both empty")
    found: tuple[R, ...] = (policy,) if policy is not None else _where(call, kind, balancer)
    return [each for each in found if balancer is None or getattr(each, "balancer_id", "") == balancer.id]


def _where(call: Call, kind: type[R], balancer: Balancer | None) -> tuple[R, ...]:
    return call.snapshot.where(kind, "balancer_id", balancer.id) if balancer else ()


def _show(call: Call, kind: type[Any], id: str) -> None:
    shown = call.get(FOR_DISPLAY)
    if shown is not None:
        call.transaction.put(dataclasses.replace(call.snapshot.need(kind, id), for_display=shown))
