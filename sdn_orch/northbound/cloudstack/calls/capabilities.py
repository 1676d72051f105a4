"""listCapabilities."""

from __future__ import annotations

from dataclasses import dataclass

from sdn_orch.northbound.cloudstack import settings
from sdn_orch.northbound.cloudstack.declare import Call, shows
from sdn_orch.northbound.cloudstack.serialise import VERSION
from sdn_orch.northbound.cloudstack.shapes import Shape, always, flag, number, string


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server is and lets users do; the same for everybody."""


SHAPE: Shape[Capabilities] = Shape(
    key="capability",
    resource="Capability",
    fields=(
        string("cloudstackversion", "the version of the API", always(VERSION)),
        flag("securitygroupsenabled", "whether there are security groups", always(False)),
        flag("dynamicrolesenabled", "whether roles can be made", always(False)),
        string("supportELB", "whether there is elastic load balancing", always("false")),
        flag("userpublictemplateenabled", "whether users may publish templates", always(False)),
        flag("projectinviterequired", "whether projects need invitations", always(False)),
        flag(
            "allowusercreateprojects",
            "whether users may create projects",
            lambda scene, _: settings.USERS_CREATE_PROJECTS.is_on(scene.snapshot),
        ),
        flag("allowuserexpungerecovervm", "whether users may expunge machines", always(True)),
        flag("allowuserexpungerecovervolume", "whether users may expunge volumes", always(False)),
        flag("allowuserviewdestroyedvm", "whether users see destroyed machines", always(False)),
        flag("allowuserviewalldomainaccounts", "whether users see their domain's accounts", always(False)),
        flag("allowuserforcestopvm", "whether users may stop machines at once", always(True)),
        flag("kvmsnapshotenabled", "whether there are snapshots", always(False)),
        flag("regionsecondaryenabled", "whether a region shares its images", always(False)),
        flag("kubernetesserviceenabled", "whether there is Kubernetes", always(False)),
        flag("kubernetesclusterexperimentalfeaturesenabled", "whether more of it", always(False)),
        flag("dynamicscalingenabled", "whether machines grow while they run", always(False)),
        number("defaultuipagesize", "entries a page in a user interface", always(20)),
    ),
)


@shows("listCapabilities", SHAPE, "Lists capabilities", key="capability")
def list_capabilities(_call: Call) -> Capabilities:
    """One object, not a list, as upstream answers."""
    return Capabilities()
