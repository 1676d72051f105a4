"""Routes of the operator's door by which load balancers come and go, one declaration each."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from sdn_orch.northbound.operator import balancer_changes
from sdn_orch.northbound.operator.declare import Asked, Declaration, writes
from sdn_orch.northbound.operator.models import BalancerAnswer, MemberAnswer
from sdn_orch.northbound.operator.models_balancers import BalancerWanted, MemberWanted
from sdn_orch.northbound.operator.tokens import Scope


@writes(
    "POST",
    "/v1/balancers",
    BalancerAnswer,
    "Make a load balancer",
    scope=Scope.OPERATE,
    body=BalancerWanted,
    status=HTTPStatus.CREATED,
)
def create_balancer(asked: Asked) -> Any:
    """Also what CloudStack's calls cannot say: with direct return, of SCTP, or at an IPv6 address. Who is
    outside reaches that one where the network's IPv6 firewall, or the list of rules of the members' tier,
    lets it.
    """
    return balancer_changes.create(asked)


@writes(
    "DELETE",
    "/v1/balancers/{balancer}",
    None,
    "Delete a load balancer",
    scope=Scope.OPERATE,
    status=HTTPStatus.NO_CONTENT,
)
def delete_balancer(asked: Asked) -> None:
    """With its members, whose connections are cut. With If-Match only if it is still what was seen."""
    balancer_changes.delete(asked)


@writes(
    "POST",
    "/v1/balancers/{balancer}/members",
    MemberAnswer,
    "Put a NIC behind a load balancer",
    scope=Scope.OPERATE,
    body=MemberWanted,
    status=HTTPStatus.CREATED,
)
def create_member(asked: Asked) -> Any:
    """It gets its share of new connections, with weight 1."""
    return balancer_changes.add_member(asked)


@writes(
    "DELETE",
    "/v1/balancers/{balancer}/members/{member}",
    None,
    "Take a member from a load balancer",
    scope=Scope.OPERATE,
    status=HTTPStatus.NO_CONTENT,
)
def delete_member(asked: Asked) -> None:
    """It gets no connections any more, and keeps those that it has for as long as the load balancer says."""
    balancer_changes.remove_member(asked)


DECLARATIONS: tuple[Declaration, ...] = (create_balancer, delete_balancer, create_member, delete_member)
