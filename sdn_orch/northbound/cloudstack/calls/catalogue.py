"""listTemplates, listSupportedNetworkServices."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from sdn_orch.northbound.cloudstack.answers.infrastructure import TEMPLATE
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import NAME, ZONE
from sdn_orch.northbound.cloudstack.declare import ROOT, Call, lists
from sdn_orch.northbound.cloudstack.filters import all_have, by, everywhere, nowhere, of_none
from sdn_orch.northbound.cloudstack.model import Template
from sdn_orch.northbound.cloudstack.parameters import (
    boolean,
    choice,
    entities,
    entity,
    required,
    text,
)
from sdn_orch.northbound.cloudstack.scope import SCOPE, chosen, one_or
from sdn_orch.northbound.cloudstack.services import CATALOGUE, SERVICE_FIELDS, NetworkService, service
from sdn_orch.northbound.cloudstack.shapes import Shape


class TemplateFilter(StrEnum):
    """Which templates to list; all are featured and executable here."""

    FEATURED = "featured"
    SELF = "self"
    SELF_EXECUTABLE = "selfexecutable"
    SHARED_EXECUTABLE = "sharedexecutable"
    EXECUTABLE = "executable"
    COMMUNITY = "community"
    ALL = "all"


TEMPLATE_ID = entity("id", Template, "the id of the template", Access.ANY)
TEMPLATE_IDS = entities("ids", Template, "the ids of the templates", Access.ANY)
FILTER = choice("templatefilter", "featured, self, executable, community, all…", TemplateFilter)
HYPERVISOR = text("hypervisor", "the hypervisor")
PROVIDER = text("provider", "services of this provider")
SERVICE = text("service", "the service")

SUPPORTED_SERVICE: Shape[NetworkService] = Shape(
    key="networkservice", resource="NetworkService", fields=SERVICE_FIELDS
)


@lists(
    "listTemplates",
    TEMPLATE,
    "Lists templates",
    required(FILTER),
    TEMPLATE_ID,
    TEMPLATE_IDS,
    NAME,
    HYPERVISOR,
    everywhere(ZONE),
    everywhere(text("arch", "templates for this architecture; all are for any")),
    by(TEMPLATE, boolean("isready", "templates that can be used, which all can, or others")),
    by(TEMPLATE, text("templatetype", "the type, which is USER")),
    all_have(boolean("forcks", "templates of clusters of Kubernetes, or others"), False),
    all_have(boolean("isvnf", "templates of network appliances, or others"), False),
    of_none("parenttemplateid", Template, "templates made from another"),
    nowhere("extensionid", "the extension"),
    nowhere("imagestoreid", "the image store"),
    nowhere("oscategoryid", "the category of operating systems"),
    nowhere("storageid", "the storage pool"),
    *SCOPE,
)
def list_templates(call: Call) -> Iterable[Template]:
    """Templates; all of them are featured."""
    if (
        call[FILTER] in (TemplateFilter.SELF, TemplateFilter.SELF_EXECUTABLE)
        and not call.caller.is_root_admin
    ):
        return ()
    return chosen(
        call.get(TEMPLATE_IDS) or one_or(call, TEMPLATE_ID, lambda: call.snapshot.all(Template)),
        (call.get(NAME), lambda template: template.name),
        (call.get(HYPERVISOR), lambda template: template.hypervisor),
    )


@lists(
    "listSupportedNetworkServices",
    SUPPORTED_SERVICE,
    "Lists the network services with their providers",
    SERVICE,
    PROVIDER,
    roles=ROOT,
)
def list_supported_network_services(call: Call) -> Iterable[NetworkService]:
    """Services; Gateway is one that offerings may name, but CloudStack does not list it."""
    name, provider = call.get(SERVICE), call.get(PROVIDER)
    found = [service(name)] if name else [each for each in CATALOGUE.values() if each.name != "Gateway"]
    return [each for each in found if provider is None or provider in each.providers]
