"""Domains, accounts and users: who sees and may do what, keys, and deletion with everything owned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sdn_orch.intent.model import Account, Machine, Network, Nic, Vpc
from sdn_orch.northbound.cloudstack.bootstrap import Credentials, bootstrap
from sdn_orch.northbound.cloudstack.model import NetworkOffering, User
from sdn_orch.northbound.service import Service
from sdn_orch.store.codec import encode
from sdn_orch.store.memory import MemoryStore
from tests.cloudstack import ISOLATED, Client, Cloud, Refused


def refused(call: Any, *arguments: Any, **more: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        call(*arguments, **more)
    return caught.value


def names(answer: Any) -> list[str]:
    items = next((value for value in answer.values() if isinstance(value, list)), [])
    return [item["name"] for item in items]


def tree(cloud: Cloud) -> dict[str, Client]:
    """ROOT with an account, /sales with its administrator and an account, /sales/inner with an account."""
    sales = cloud.admin.call("createDomain", name="sales")["domain"]
    inner = cloud.admin.call("createDomain", name="inner", parentdomainid=sales["id"])["domain"]
    assert (inner["path"], inner["level"], inner["parentdomainname"]) == ("ROOT/sales/inner", 2, "sales")
    clients = {
        "top": cloud.account("top"),
        "boss": cloud.account("boss", domainid=sales["id"], accounttype=2),
        "seller": cloud.account("seller", domainid=sales["id"]),
        "deep": cloud.account("deep", domainid=inner["id"]),
    }
    for name, client in clients.items():
        cloud.network(client, f"net-{name}")
    return clients


def test_who_sees_which_networks(cloud: Cloud) -> None:
    clients = tree(cloud)
    sales = cloud.admin.ids("listDomains")["sales"]
    everything = ["net-top", "net-boss", "net-seller", "net-deep"]
    admin = cloud.admin.call
    assert names(admin("listNetworks")) == []
    assert names(admin("listNetworks", listall="true")) == everything
    assert names(admin("listNetworks", domainid=sales)) == ["net-boss", "net-seller"]
    assert names(admin("listNetworks", domainid=sales, isrecursive="true")) == everything[1:]
    assert names(admin("listNetworks", domainid=sales, account="seller")) == ["net-seller"]
    assert names(admin("listNetworks", account="top")) == ["net-top"]
    assert names(admin("listNetworks", listall="true", projectid="-1")) == everything
    assert names(clients["boss"].call("listNetworks")) == ["net-boss"]
    assert names(clients["boss"].call("listNetworks", listall="true")) == everything[1:]
    assert names(clients["seller"].call("listNetworks", listall="true")) == ["net-seller"]
    deep = admin("listNetworks", listall="true", name="net-deep")["network"][0]["id"]
    assert names(clients["boss"].call("listNetworks", id=deep)) == ["net-deep"]
    assert refused(clients["seller"].call, "listNetworks", id=deep).status == 531
    assert refused(clients["boss"].call, "listNetworks", account="top").status == 431
    assert refused(clients["seller"].call, "listNetworks", account="boss").status == 531
    root = admin("listDomains", name="ROOT")["domain"][0]["id"]
    assert refused(clients["boss"].call, "listNetworks", domainid=root).status == 531


def test_who_may_act_for_whom(cloud: Cloud) -> None:
    clients = tree(cloud)
    sales = cloud.admin.ids("listDomains")["sales"]
    made = cloud.network(clients["boss"], "for-seller", account="seller", domainid=sales)
    assert (made["account"], made["domainpath"]) == ("seller", "ROOT/sales")
    assert refused(cloud.network, clients["seller"], "x", account="boss", domainid=sales).status == 531
    assert refused(cloud.network, clients["boss"], "x", account="top").status == 431
    top = cloud.admin.call("listNetworks", listall="true", name="net-top")["network"][0]["id"]
    before = cloud.snapshot.revision
    assert refused(clients["boss"].call, "deleteNetwork", id=top).status == 531
    assert refused(clients["boss"].call, "updateNetwork", id=top, name="mine").status == 531
    assert refused(clients["seller"].call, "createDomain", name="x").status == 432
    assert cloud.snapshot.revision == before


def test_accounts_and_domains_that_are_seen(cloud: Cloud) -> None:
    clients = tree(cloud)
    assert names(cloud.admin.call("listAccounts")) == ["admin"]
    everyone = ["admin", "top", "boss", "seller", "deep"]
    assert names(cloud.admin.call("listAccounts", listall="true")) == everyone
    assert names(clients["boss"].call("listAccounts", listall="true")) == everyone[2:]
    assert names(clients["seller"].call("listAccounts", listall="true")) == ["seller"]
    assert names(clients["boss"].call("listDomains", listall="true")) == ["sales", "inner"]
    assert names(cloud.admin.call("listDomains", level=0)) == ["ROOT"]
    users = cloud.admin.call("listUsers", listall="true")["user"]
    assert [user["username"] for user in users] == everyone
    (account,) = cloud.admin.call("listAccounts", listall="true", name="boss")["account"]
    assert (account["accounttype"], account["roletype"], account["networktotal"]) == (2, "DomainAdmin", 1)


def test_users_of_an_account(cloud: Cloud) -> None:
    cloud.account("red")
    person = {"password": "p", "email": "e", "firstname": "f", "lastname": "l"}
    user = cloud.admin.call("createUser", username="second", account="red", **person)["user"]
    assert user["account"] == "red"
    keys = cloud.admin.call("registerUserKeys", id=user["id"])["userkeys"]
    second = Client(cloud.admin.door, Credentials(keys["apikey"], keys["secretkey"]))
    assert second.call("getUser", userapikey=keys["apikey"])["user"]["username"] == "second"
    assert cloud.network(second, "n")["account"] == "red"
    assert (
        "already exists"
        in refused(cloud.admin.call, "createUser", username="second", account="red", **person).text
    )
    assert "already exists" in refused(cloud.admin.call, "createAccount", username="red", **person).text


def test_keys_are_for_the_user_and_administrators(cloud: Cloud) -> None:
    red, blue = cloud.account("red"), cloud.account("blue")
    id = red.call("getUser", userapikey=red.keys.api_key)["user"]["id"]
    assert red.call("getUserKeys", id=id)["userkeys"] == {
        "apikey": red.keys.api_key, "secretkey": red.keys.secret_key,
    }  # fmt: skip
    assert refused(blue.call, "getUserKeys", id=id).status == 531
    assert refused(blue.call, "registerUserKeys", id=id).status == 531
    assert refused(blue.call, "getUser", userapikey=red.keys.api_key).status == 531
    new = red.call("registerUserKeys", id=id)["userkeys"]
    assert refused(red.call, "listZones").status == 401
    red.keys = Credentials(new["apikey"], new["secretkey"])
    assert red.call("listZones")["count"] == 1


def test_domain_administrators_get_no_keys_of_root_administrators(cloud: Cloud) -> None:
    boss = cloud.account("boss", accounttype=2)
    admin = cloud.admin.call("getUser", userapikey=cloud.admin.keys.api_key)["user"]["id"]
    for call in ("getUserKeys", "registerUserKeys"):
        assert refused(boss.call, call, id=admin).status == 531
    person = {"password": "p", "email": "e", "firstname": "f", "lastname": "l"}
    made = refused(boss.call, "createAccount", username="evil", accounttype=1, **person)
    assert made.status == 531
    # Nor a further user in the root administrator's account.
    error = refused(boss.call, "createUser", username="evil", account="admin", **person)
    assert "Unable to find account admin" in error.text


def test_passwords_are_kept_hashed(cloud: Cloud) -> None:
    cloud.account("red")
    (user,) = cloud.snapshot.where(User, "username", "red")
    assert "secret" not in user.password
    assert "secret" not in repr(user) and str(user.secret_key) not in repr(user)


def test_secret_keys_are_sealed_in_the_store(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    red = cloud.account("red")
    user = cloud.snapshot.where(User, "username", "red")[0]
    changed = {"userapikey": "mine", "usersecretkey": "only-i-know-this"}
    given = [cloud.admin.keys.secret_key, red.keys.secret_key]
    cloud.admin.call("updateUser", id=user.id, **changed)
    assert refused(red.call, "listZones").status == 401
    red.keys = Credentials(*changed.values())
    assert red.call("getUserKeys", id=user.id)["userkeys"]["secretkey"] == "only-i-know-this"
    kept = "".join(encode(record) + repr(record) for record in cloud.snapshot.all(User))
    for secret in (*given, "only-i-know-this"):
        assert secret not in kept
    # What the store holds is of no use: neither as a key nor put under another user's id.
    sealed = str(cloud.snapshot.need(User, user.id).secret_key)
    assert refused(Client(red.door, Credentials("mine", sealed)).call, "listZones").status == 401
    other = cloud.account("blue")
    (blue,) = cloud.snapshot.where(User, "username", "blue")
    cloud.service.write(lambda transaction: transaction.put(replace(blue, secret_key=sealed)))
    moved = Client(red.door, Credentials(other.keys.api_key, "only-i-know-this"))
    assert refused(moved.call, "listZones").status == 401
    assert f"secret_key of {blue.id}: not sealed with the key" in caplog.text
    assert sealed not in caplog.text


def test_deleted_account_takes_everything_along(cloud: Cloud) -> None:
    red = cloud.account("red")
    vpc = cloud.vpc(red)["id"]
    tier = cloud.tier(red, vpc, "10.20.1.1")["id"]
    network = cloud.network(red, "n")["id"]
    vm = cloud.machine(red, "vm", networkids=f"{network},{tier}")
    red.job("addIpToNic", nicid=vm["nic"][0]["id"])
    account = cloud.admin.call("listAccounts", listall="true", name="red")["account"][0]["id"]
    assert cloud.admin.job("deleteAccount", id=account) == {"success": True}
    for kind in (Machine, Nic, Network, Vpc):
        assert cloud.snapshot.count(kind) == 0
    assert [each.name for each in cloud.snapshot.all(Account)] == ["admin"]
    assert refused(red.call, "listZones").status == 401


def test_account_whose_network_others_use_stays(cloud: Cloud) -> None:
    sales = cloud.admin.call("createDomain", name="sales")["domain"]["id"]
    boss, seller = cloud.account("boss", domainid=sales, accounttype=2), cloud.account("s", domainid=sales)
    shared = cloud.network(
        boss, "shared", "DefaultSharedNetworkOffering", vlan=900, gateway="198.51.100.1",
        netmask="255.255.255.0", startip="198.51.100.10",
    )["id"]  # fmt: skip
    cloud.machine(seller, networkids=shared)
    id = cloud.admin.call("listAccounts", listall="true", name="boss")["account"][0]["id"]
    job = cloud.admin.failed_or_done("deleteAccount", id=id)
    assert job["jobresult"]["errorcode"] == 536
    assert boss.call("listNetworks")["count"] == 1


def test_default_account_stays(cloud: Cloud) -> None:
    id = cloud.admin.call("listAccounts")["account"][0]["id"]
    job = cloud.admin.failed_or_done("deleteAccount", id=id)
    assert job["jobresult"]["errorcode"] == 531


def test_bootstrap_is_done_once() -> None:
    service = Service(MemoryStore())
    keys = bootstrap(service)
    assert service.snapshot.count(NetworkOffering) == 9
    assert ISOLATED in {offering.name for offering in service.snapshot.all(NetworkOffering)}
    revision = service.snapshot.revision
    assert bootstrap(service) == bootstrap(service, keys) == keys
    assert service.snapshot.revision == revision
    assert "secret" not in repr(keys).replace("secret_key", "") and keys.secret_key not in repr(keys)


def test_configured_keys_replace_those_there() -> None:
    service = Service(MemoryStore())
    bootstrap(service)
    mine = Credentials("api", "secret")
    assert bootstrap(service, mine) == bootstrap(service) == mine
    assert [user.api_key for user in service.snapshot.all(User)] == ["api"]


def test_administrators_whose_keys_do_not_open_get_others() -> None:
    """Where the key of the vault is lost and given up."""
    store = MemoryStore()
    lost = bootstrap(Service(store))
    service = Service(store)
    found = bootstrap(service)
    assert found != lost
    assert bootstrap(service) == found
    assert bootstrap(Service(store), lost) == lost
