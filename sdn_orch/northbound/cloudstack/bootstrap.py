"""What a new installation starts with: root domain, administrator, default offerings by their names."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from uuid import uuid4

from sdn_orch.errors import Invalid
from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.model import Account, Domain, NetworkKind, Role
from sdn_orch.intent.security import SecurityGroup
from sdn_orch.intent.traffic import Direction, Verdict
from sdn_orch.northbound.cloudstack import providers
from sdn_orch.northbound.cloudstack.model import (
    AccountDetails,
    Availability,
    DomainDetails,
    Enabled,
    InternetProtocol,
    NetworkOffering,
    PhysicalNetwork,
    ServiceOffering,
    Services,
    Template,
    User,
    VpcOffering,
)
from sdn_orch.northbound.cloudstack.model_fabric import ServiceProvider
from sdn_orch.northbound.cloudstack.services import ROUTER, VPC_ROUTER
from sdn_orch.northbound.cloudstack.user_keys import keys_of, new_key, with_keys
from sdn_orch.northbound.security import default_group
from sdn_orch.northbound.service import Service, Transaction

log = logging.getLogger(__name__)

_ROUTED = ("Dhcp", "Dns", "UserData", "Firewall", "Lb", "SourceNat", "StaticNat", "PortForwarding", "Vpn")
_TIER = ("Dhcp", "Dns", "UserData", "NetworkACL", "Lb", "SourceNat", "StaticNat", "PortForwarding", "Vpn")
_TIER_NO_LB = tuple(name for name in _TIER if name != "Lb")
_SHARED = ("Dhcp", "Dns", "UserData")

#: What CloudStack calls the lists of rules that every VPC can use; a tier has the second unless it asks.
DEFAULT_ALLOW, DEFAULT_DENY = "default_allow", "default_deny"
SHARED_OFFERING = "DefaultSharedNetworkOffering"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The administrator's key pair."""

    api_key: str
    secret_key: str = dataclasses.field(repr=False)


def bootstrap(service: Service, given: Credentials | None = None) -> Credentials:
    """Make what is missing; answers the administrator's keys: those given, those there, or new ones.

    Those there that another key than the service's sealed are as good as lost.
    """

    def prepare(transaction: Transaction) -> Credentials:
        if not transaction.snapshot.where(Domain, "path", "/"):
            _install(transaction)
        _common_lists(transaction)
        _guarded(transaction)
        for physical in transaction.snapshot.all(PhysicalNetwork):
            if not transaction.snapshot.count_where(ServiceProvider, "physical_network_id", physical.id):
                providers.provide(transaction, physical)
        return _keys(transaction, given)

    return service.write(prepare)


def _keys(transaction: Transaction, given: Credentials | None) -> Credentials:
    admin = next(
        user
        for user in transaction.snapshot.where(User, "username", "admin")
        if transaction.snapshot.need(AccountDetails, user.account_id).is_default
    )
    known = _known_keys(admin, transaction)
    keys = given or known or Credentials(new_key(), new_key())
    if keys != known:
        transaction.put(with_keys(admin, keys.api_key, keys.secret_key, transaction.vault))
    return keys


def _known_keys(admin: User, transaction: Transaction) -> Credentials | None:
    try:
        keys = keys_of(admin, transaction.vault)
    except Invalid as fault:
        log.warning("the administrator's keys do not open, and are replaced: %s", fault)
        return None
    return Credentials(keys.api_key, keys.secret_key) if keys.api_key and keys.secret_key else None


def _install(transaction: Transaction) -> None:
    now = transaction.now
    root = transaction.put(Domain(id=str(uuid4()), name="ROOT", path="/"))
    transaction.put(DomainDetails(id=root.id, created=now))
    account = Account(id=str(uuid4()), name="admin", domain_id=root.id, role=Role.ROOT_ADMIN)
    transaction.put(account)
    transaction.put(AccountDetails(id=account.id, created=now, is_default=True))
    transaction.put(
        User(
            id=str(uuid4()),
            account_id=account.id,
            username="admin",
            created=now,
            first_name="admin",
            last_name="cloud",
        )
    )
    router = ServiceOffering(
        id=str(uuid4()),
        name="System Offering For Software Router",
        display_text="System Offering For Software Router",
        created=now,
        is_system=True,
    )
    transaction.put(router)
    for name, cpus, speed, memory in (("Small Instance", 1, 500, 512), ("Medium Instance", 1, 1000, 1024)):
        transaction.put(
            ServiceOffering(
                id=str(uuid4()),
                name=name,
                display_text=name,
                created=now,
                cpu_number=cpus,
                cpu_speed=speed,
                memory=memory,
            )
        )
    transaction.put(
        Template(
            id=str(uuid4()),
            name="Registered machine",
            display_text="A machine that a hypervisor runs, known here by its NICs",
            created=now,
        )
    )
    for offering in _network_offerings(transaction, router):
        transaction.put(offering)
    transaction.put(
        VpcOffering(
            id=str(uuid4()),
            name="Default VPC offering",
            display_text="Default VPC offering",
            service_offering_id=router.id,
            created=now,
            services=_served(_TIER, VPC_ROUTER),
            state=Enabled.ENABLED,
            internet_protocol=InternetProtocol.DUAL_STACK,
            is_default=True,
        )
    )


def _guarded(transaction: Transaction) -> None:
    """An offering with security groups, and a group for each account, also in older installations."""
    snapshot = transaction.snapshot
    offerings = [each for each in snapshot.all(NetworkOffering) if each.is_default]
    plain = next((each for each in offerings if each.name == SHARED_OFFERING), None)
    if plain is not None and not any("SecurityGroup" in dict(each.services) for each in offerings):
        transaction.put(
            dataclasses.replace(
                plain,
                id=str(uuid4()),
                number=0,
                name=f"{SHARED_OFFERING}WithSGService",
                display_text="Offering for Shared networks with security groups",
                services=(*plain.services, ("SecurityGroup", ("SecurityGroupProvider",))),
            )
        )
    for account in snapshot.all(Account):
        if not snapshot.count_where(SecurityGroup, "account_id", account.id):
            default_group(transaction, account)


def _common_lists(transaction: Transaction) -> None:
    """The two lists of rules that every VPC can use, also in installations that are older than they."""
    for name, verdict in ((DEFAULT_ALLOW, Verdict.ALLOW), (DEFAULT_DENY, Verdict.DENY)):
        if any(acl.vpc_id is None for acl in transaction.snapshot.where(AclList, "name", name)):
            continue
        acl = AclList(id=str(uuid4()), name=name, description=f"Default Network ACL {verdict.title()} All")
        transaction.put(acl)
        for position, direction in enumerate(Direction, 1):
            transaction.put(
                AclItem(
                    id=str(uuid4()),
                    list_id=acl.id,
                    position=position,
                    direction=direction,
                    verdict=verdict,
                )
            )


def _network_offerings(transaction: Transaction, router: ServiceOffering) -> tuple[NetworkOffering, ...]:
    isolated = NetworkOffering(
        id=str(uuid4()),
        name="DefaultIsolatedNetworkOfferingWithSourceNatService",
        display_text="Offering for Isolated networks with Source Nat service enabled",
        guest_type=NetworkKind.ISOLATED,
        service_offering_id=router.id,
        created=transaction.now,
        services=_served(_ROUTED, ROUTER),
        capabilities=(("SourceNat", "SupportedSourceNatTypes", "peraccount"),),
        state=Enabled.ENABLED,
        availability=Availability.REQUIRED,
        internet_protocol=InternetProtocol.DUAL_STACK,
        is_default=True,
    )

    def like(
        name: str, text: str, kind: NetworkKind, names: tuple[str, ...], **more: object
    ) -> NetworkOffering:
        return dataclasses.replace(
            isolated,
            id=str(uuid4()),
            name=name,
            display_text=text,
            guest_type=kind,
            services=_served(names, VPC_ROUTER if more.get("for_vpc") else ROUTER),
            capabilities=(),
            availability=Availability.OPTIONAL,
            **more,  # type: ignore[arg-type]
        )

    return (
        isolated,
        like(
            "DefaultIsolatedNetworkOffering",
            "Offering for Isolated networks with no Source Nat service",
            NetworkKind.ISOLATED,
            _SHARED,
        ),
        like(
            "DefaultIsolatedNetworkOfferingForVpcNetworks",
            "Offering for Isolated VPC networks with Source Nat service enabled",
            NetworkKind.ISOLATED,
            _TIER,
            for_vpc=True,
        ),
        like(
            "DefaultIsolatedNetworkOfferingForVpcNetworksNoLB",
            "Offering for Isolated VPC networks with Source Nat service and no Lb",
            NetworkKind.ISOLATED,
            _TIER_NO_LB,
            for_vpc=True,
        ),
        dataclasses.replace(
            like(
                "DefaultIsolatedNetworkOfferingForVpcNetworksWithInternalLB",
                "Offering for Isolated VPC networks with Internal LB support",
                NetworkKind.ISOLATED,
                _TIER,
                for_vpc=True,
            ),
            services=(*_served(_TIER_NO_LB, VPC_ROUTER), ("Lb", ("InternalLbVm",))),
            capabilities=(("Lb", "LbSchemes", "Internal"),),
        ),
        like(
            SHARED_OFFERING,
            "Offering for Shared networks",
            NetworkKind.SHARED,
            _SHARED,
            specify_vlan=True,
            specify_ip_ranges=True,
        ),
        like("DefaultL2NetworkOffering", "Offering for L2 networks", NetworkKind.L2, ()),
        like(
            "DefaultL2NetworkOfferingVlan",
            "Offering for L2 networks with a VLAN that is given",
            NetworkKind.L2,
            (),
            specify_vlan=True,
        ),
    )


def _served(names: tuple[str, ...], provider: str) -> Services:
    return tuple((name, (provider,)) for name in names)
