"""Every kind of record that a store may hold: who opens one imports this, and nothing else of the doors."""

from __future__ import annotations

from sdn_orch.intent import (  # noqa: F401
    acls,
    balancers,
    firewall,
    forwards,
    health,
    metadata,
    model,
    public,
    routing,
    security,
    traffic,
)
from sdn_orch.northbound import pool  # noqa: F401
from sdn_orch.northbound.cloudstack import (  # noqa: F401
    display,
    model_balancers,
    model_fabric,
    model_guests,
    model_places,
    model_public,
    model_routing,
    model_sharing,
    model_tenancy,
)
from sdn_orch.northbound.extension import model as _names  # noqa: F401
from sdn_orch.northbound.operator import tokens  # noqa: F401
