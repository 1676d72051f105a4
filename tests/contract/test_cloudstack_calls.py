"""Every declared call: what it takes, what it refuses in which words, and that it answers as declared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from sdn_orch.intent.model import Record
from sdn_orch.intent.traffic import TrafficRule
from sdn_orch.northbound.cloudstack import overview
from sdn_orch.northbound.cloudstack.calls import COMMANDS, absent, devices
from sdn_orch.northbound.cloudstack.declare import EVERYBODY, Command, Mode
from sdn_orch.northbound.cloudstack.model_tenancy import Project
from sdn_orch.northbound.cloudstack.parameters import Parameter
from sdn_orch.northbound.cloudstack.scope import PROJECT
from sdn_orch.northbound.cloudstack.unserved import UNSERVED
from tests.cloudstack import Client, Cloud, Refused
from tests.contract.everything import furnish

ADDRESSES = (
    "gateway",
    "netmask",
    "startip",
    "endip",
    "ipaddress",
    "vmguestip",
    "sourcenatipaddress",
    "sourceipaddress",
)
NOWHERE = "00000000-0000-4000-8000-00000000dead"


@pytest.fixture(scope="module")
def cloud() -> Cloud:
    """A cloud with something of every kind; tests here change nothing in it."""
    cloud = Cloud()
    furnish(cloud)
    return cloud


def sample(cloud: Cloud, command: Command, parameter: Parameter[Any]) -> str:
    """A value that the parameter takes."""
    if parameter.kind is not None:
        return next(iter(cloud.snapshot.all(parameter.kind))).id
    if parameter.name == "state" and command.shape.kind is Project:
        return "Active"
    if parameter.name == "traffictype" and issubclass(command.shape.kind or Record, TrafficRule):
        return "Ingress"
    named = {
        "acltype": "Account",
        "networkfilter": "account",
        "allocationstate": "Enabled",
        "availability": "Optional",
        "state": "Enabled",
        "type": "Isolated",
        "cidr": "10.9.0.0/16",
        "guestcidraddress": "10.9.0.0/16",
        "guestiptype": "Isolated",
        "ip6cidr": "2001:db8::/64",
        "resourcetype": "UserVm",
        "role": "Admin",
        "sortby": "Usage",
        "roletype": "Admin",
        "macaddress": "02:00:00:00:00:01",
        "networktype": "Advanced",
        "networkmode": "NATTED",
        "routingmode": "Static",
        "templatefilter": "featured",
        "traffictype": "Guest",
        "supportedservices": "Dhcp",
        "cidrlist": "192.0.2.0/24",
        "vlan": "untagged",
        "protocol": "tcp",
        "action": "Allow",
        "id": NOWHERE,
    }
    by_type = {"integer": "1", "boolean": "true", "date": "2026-01-01", "list": "x", "map": "", "string": "x"}
    if parameter.name in named and parameter.type_name != "integer":
        return named[parameter.name]
    if "dns" in parameter.name or parameter.name in ADDRESSES:
        return "192.0.2.1"
    return by_type.get(parameter.type_name, "x")


def required(cloud: Cloud, command: Command) -> dict[str, str]:
    """The least that the command must be given."""
    given: dict[str, str] = {}
    for each in command.parameters:
        if each.is_required and each.type_name == "map":
            given |= {f"{each.name}[0].key": "k", f"{each.name}[0].value": "v"}
        elif each.is_required:
            given[each.name] = sample(cloud, command, each)
    return given


#: What lists need one of, though none is required by itself.
ONE_OF = {"listLBStickinessPolicies": "lbruleid", "listLBHealthCheckPolicies": "lbruleid"}


def enough(cloud: Cloud, command: Command) -> dict[str, str]:
    """What makes a list answer: what is required, and one of those of which one is."""
    more = [each for each in command.parameters if ONE_OF.get(command.name) == each.name]
    return required(cloud, command) | {each.name: sample(cloud, command, each) for each in more}


def refusal(client: Client, command: str, **arguments: object) -> Refused:
    """How the call is refused; it must be, and must change nothing."""
    before = client.door._service.snapshot.revision
    with pytest.raises(Refused) as caught:
        client.call(command, **arguments)
    assert client.door._service.snapshot.revision == before
    error = caught.value
    assert error.root == f"{command.lower()}response"
    assert error.body["errorcode"] == error.status
    assert error.body["uuidList"] == []
    assert error.body["cserrorcode"] >= 4250
    return error


@pytest.mark.parametrize(
    ("name", "parameter"), [(name, each) for name in UNSERVED for each in UNSERVED[name]]
)
def test_what_is_not_served_is_refused_and_not_left_out(cloud: Cloud, name: str, parameter: str) -> None:
    given = required(cloud, COMMANDS[name])
    for key in (parameter, f"{parameter}[0].x"):
        error = refusal(cloud.admin, name, **given, **{key: "x"})
        assert (error.status, f"parameter {parameter} is not served here" in error.text) == (431, True)


def test_what_asks_for_nothing_unserved_is_granted() -> None:
    cloud = Cloud()
    names = {**UNSERVED["createNetwork"], "isolatedpvlan": "None"}
    assert cloud.network(cloud.admin, "net", **names)["name"] == "net"


def test_the_calls_of_this_release_are_declared() -> None:
    wanted = [
        "listZones", "createZone", "updateZone", "createPhysicalNetwork", "listPhysicalNetworks",
        "updatePhysicalNetwork", "createNetworkOffering", "listNetworkOfferings",
        "updateNetworkOffering", "deleteNetworkOffering", "createVPCOffering", "listVPCOfferings",
        "createVPC", "listVPCs", "deleteVPC", "updateVPC", "createNetwork", "listNetworks",
        "deleteNetwork", "updateNetwork", "restartNetwork", "deployVirtualMachine",
        "listVirtualMachines", "startVirtualMachine", "stopVirtualMachine", "destroyVirtualMachine",
        "addNicToVirtualMachine", "removeNicFromVirtualMachine", "updateVmNicIp", "addIpToNic",
        "removeIpFromNic", "listNics", "createDomain", "listDomains", "createAccount", "listAccounts",
        "deleteAccount", "createUser", "listUsers", "getUser", "registerUserKeys", "getUserKeys",
        "listServiceOfferings", "listTemplates", "queryAsyncJobResult", "listAsyncJobs", "listEvents",
        "listCapabilities", "listApis", "listSupportedNetworkServices",
        "createTags", "deleteTags", "listTags", "addResourceDetail", "removeResourceDetail",
        "listResourceDetails", "createProject", "listProjects", "updateProject", "suspendProject",
        "activateProject", "deleteProject", "addAccountToProject", "deleteAccountFromProject",
        "listProjectAccounts", "listResourceLimits", "updateResourceLimit", "updateResourceCount",
        "listConfigurations", "updateConfiguration", "login", "logout", "updateAccount", "disableAccount",
        "lockAccount", "enableAccount", "updateUser", "deleteUser", "disableUser", "lockUser", "enableUser",
        "updateDomain", "deleteDomain", "listDomainChildren", "listRoles",
        "listEventTypes", "listPods", "createPod", "updatePod", "deletePod", "createServiceOffering",
        "updateServiceOffering", "deleteServiceOffering", "deleteZone", "rebootVirtualMachine",
        "updateVirtualMachine", "listHypervisors", "listRegions", "listManagementServers", "listOsTypes",
        "createLoadBalancerRule", "updateLoadBalancerRule", "deleteLoadBalancerRule",
        "listLoadBalancerRules", "assignToLoadBalancerRule", "removeFromLoadBalancerRule",
        "listLoadBalancerRuleInstances", "createLBStickinessPolicy", "updateLBStickinessPolicy",
        "deleteLBStickinessPolicy", "listLBStickinessPolicies", "createLBHealthCheckPolicy",
        "updateLBHealthCheckPolicy", "deleteLBHealthCheckPolicy", "listLBHealthCheckPolicies",
        "uploadSslCert", "deleteSslCert", "listSslCerts", "assignCertToLoadBalancer",
        "removeCertFromLoadBalancer", "createLoadBalancer", "updateLoadBalancer", "deleteLoadBalancer",
        "listLoadBalancers",
        "createSecurityGroup", "updateSecurityGroup", "deleteSecurityGroup", "listSecurityGroups",
        "authorizeSecurityGroupIngress", "authorizeSecurityGroupEgress", "revokeSecurityGroupIngress",
        "revokeSecurityGroupEgress",
        "createPrivateGateway", "deletePrivateGateway", "listPrivateGateways", "createStaticRoute",
        "deleteStaticRoute", "listStaticRoutes",
        "listCapacity", *NOTHING,
    ]  # fmt: skip
    assert set(wanted) <= COMMANDS.keys()


#: Lists of what there can be nothing of.
NOTHING = {
    command.name
    for module in (absent, devices)
    for command in vars(module).values()
    if isinstance(command, Command) and command.mode is Mode.LIST
}


def is_nowhere(parameter: Parameter[Any]) -> bool:
    """Whether the parameter is the id of something of which there is nothing."""
    return parameter.type_name == "uuid" and parameter.kind is None


#: Calls about what there is nothing of: whatever id is given names nothing.
UNREACHABLE = [
    command
    for command in COMMANDS.values()
    if any(each.is_required and is_nowhere(each) for each in command.parameters)
]
REACHABLE = [command for command in COMMANDS.values() if command not in UNREACHABLE]
every_command = pytest.mark.parametrize("command", REACHABLE, ids=[command.name for command in REACHABLE])
parameters = [(command, each) for command in REACHABLE for each in command.parameters if not is_nowhere(each)]
every_parameter = pytest.mark.parametrize(
    ("command", "parameter"), parameters, ids=[f"{command.name}-{each.name}" for command, each in parameters]
)


@pytest.mark.parametrize("command", UNREACHABLE, ids=lambda each: each.name)
def test_ids_of_what_there_is_not_are_refused(cloud: Cloud, command: Command) -> None:
    (parameter,) = (each for each in command.parameters if each.is_required and is_nowhere(each))
    given = {each.name: sample(cloud, command, each) for each in command.parameters if each.is_required}
    wanted = f"Invalid parameter {parameter.name} value={NOWHERE} due to incorrect long value format, or"
    error = refusal(cloud.admin, command.name, **(given | {parameter.name: NOWHERE}))
    assert error.status == 431
    assert wanted in error.text
    del given[parameter.name]
    assert f"missing parameter {parameter.name}" in refusal(cloud.admin, command.name, **given).text


def test_the_page_of_calls_is_up_to_date() -> None:
    said = (Path(__file__).parents[2] / "docs" / "cloudstack-api.md").read_text()
    assert said == overview.page(), "run: sdn-orch calls --markdown > docs/cloudstack-api.md"


@every_command
def test_a_missing_parameter_is_named(cloud: Cloud, command: Command) -> None:
    given = required(cloud, command)
    for name in {key.partition("[")[0] for key in given}:
        error = refusal(
            cloud.admin, command.name, **{k: v for k, v in given.items() if k.partition("[")[0] != name}
        )
        assert error.status == 431
        assert error.text == (
            f"Unable to execute API command {command.name.lower()} due to missing parameter {name}"
        )
        assert error.description == error.text
        assert error.body["cserrorcode"] == 9999


@every_parameter
def test_a_wrong_value_is_refused_by_name(cloud: Cloud, command: Command, parameter: Parameter[Any]) -> None:
    name, given = parameter.name, required(cloud, command)
    if parameter.type_name == "map":
        for key in (f"{name}[", f"{name}[x].key", f"{name}[0]", f"{name}[0]key", f"{name}[0][1].key"):
            error = refusal(cloud.admin, command.name, **(given | {key: "value"}))
            assert (error.status, key in error.text) == (430, True)
        return
    if parameter.kind is not None or name == "projectid":
        for value in (NOWHERE, "1", "x" * 300, "' OR 1=1 --", "../../etc/passwd"):
            error = refusal(cloud.admin, command.name, **(given | {name: value}))
            assert error.status == 431
            prefix = f"Unable to execute API command {command.name.lower()} due to invalid value. "
            wanted = f"{prefix}Invalid parameter {name} value={value} due to incorrect long value format, or"
            assert len(value) == 300 or error.text.startswith(f"{wanted} entity does not exist")
        return
    wrong = {"boolean": ("yes", "1", "truefalse"), "integer": ("x", "1.5", "99999999999999999999", "-9e9")}
    too_long = "x" * (parameter.length + 1)
    wrong |= {"date": ("soon", "2026-13-01"), "list": (too_long,), "string": (too_long, "a\x00b")}
    for value in wrong[parameter.type_name]:
        error = refusal(cloud.admin, command.name, **(given | {name: value}))
        assert error.status == 431
        assert name in error.text


@every_command
def test_lists_say_the_same_in_json_and_xml(cloud: Cloud, command: Command) -> None:
    if command.mode not in (Mode.LIST, Mode.SHOW) or command.name == "login":
        return
    arguments = enough(cloud, command)
    if "userapikey" in arguments:
        arguments["userapikey"] = cloud.admin.keys.api_key
    shown = cloud.admin.call(command.name, listall="true", **arguments)
    answer = cloud.admin.answer(command.name, listall="true", **(arguments | {"response": "xml"}))
    assert answer.content_type == "text/xml;charset=UTF-8"
    root = ElementTree.fromstring(answer.body)
    assert root.tag == command.response_name
    assert leaves_of_xml(root) == leaves_of_json(shown)
    if command.mode is Mode.LIST:
        if command.name in NOTHING:
            assert shown == {}
            return
        assert shown, "every list shows something in this cloud"
        assert shown["count"] == len(shown[command.key]) == len(root.findall(command.key))


def leaves_of_xml(element: ElementTree.Element) -> list[tuple[str, str]]:
    """Names and texts of what has no inner elements, in order."""
    return [(e.tag, e.text or "") for e in element.iter() if not len(e) and e is not element]


def leaves_of_json(value: Any, name: str = "") -> list[tuple[str, str]]:
    """The same of JSON values."""
    if isinstance(value, dict):
        return [leaf for key, each in value.items() for leaf in leaves_of_json(each, key)]
    if isinstance(value, list):
        return [leaf for each in value for leaf in leaves_of_json(each, name)]
    return [(name, str(value).lower() if isinstance(value, bool) else str(value))]


@every_command
def test_answers_have_only_declared_fields_of_the_declared_types(cloud: Cloud, command: Command) -> None:
    if command.mode is not Mode.LIST or command.name == "listApis":
        return
    (api,) = cloud.admin.call("listApis", name=command.name)["api"]
    shown = cloud.admin.call(command.name, listall="true", **enough(cloud, command))
    for item in shown.get(command.key, []):
        check(item, api["response"])


PYTHON_TYPES = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "short": int,
    "date": str,
    "list": list,
    "responseobject": dict,
    "map": dict,
}


def check(item: dict[str, Any], fields: list[dict[str, Any]]) -> None:
    declared = {field["name"]: field for field in fields}
    for name, value in item.items():
        kind = type(value)
        assert kind is PYTHON_TYPES[declared[name]["type"]], name
        if declared[name]["response"]:
            for inner in value:
                check(inner, declared[name]["response"])


def test_list_apis_tells_everything(cloud: Cloud) -> None:
    apis = {api["name"]: api for api in cloud.admin.call("listApis")["api"]}
    assert apis.keys() == COMMANDS.keys()
    for name, command in COMMANDS.items():
        api = apis[name]
        assert api.keys() == {
            "name", "description", "isasync", "since", "related", "params", "response"
        }  # fmt: skip
        assert api["isasync"] is command.is_async
        assert [each["name"] for each in api["params"]] == [each.name for each in command.parameters]
        for each in api["params"]:
            assert each.keys() == {
                "name", "description", "type", "length", "required", "since", "related"
            }  # fmt: skip
            assert each["description"]
        assert api["response"] and all(field["description"] for field in api["response"])
    id_of_network = next(each for each in apis["deleteNetwork"]["params"] if each["name"] == "id")
    assert "listNetworks" in id_of_network["related"].split(",")


def test_users_are_shown_only_what_they_may_call(cloud: Cloud) -> None:
    user = cloud.account("apis")
    shown = {api["name"] for api in user.call("listApis")["api"]}
    assert shown == {name for name, command in COMMANDS.items() if command.roles == EVERYBODY}
    for name in COMMANDS.keys() - shown:
        with pytest.raises(Refused) as caught:
            user.call(name)
        assert (caught.value.status, caught.value.root) == (432, "errorresponse")


@pytest.mark.parametrize("name", ["", "nosuchcall", "LISTZONES", "listzones", "__class__", "x" * 400, "<a>&"])
@pytest.mark.parametrize("format", ["json", "xml"])
def test_unknown_commands(cloud: Cloud, name: str, format: str) -> None:
    answer = cloud.admin.answer(name, response=format)
    assert answer.status == 432
    if format == "json":
        assert json.loads(answer.body)["errorresponse"]["errorcode"] == 432
    else:
        assert ElementTree.fromstring(answer.body).findtext("errorcode") == "432"


def test_names_of_parameters_have_no_case_and_unknown_ones_are_ignored(cloud: Cloud) -> None:
    shown = cloud.admin.call("listZones", ID=cloud.zone, nonsense="x", filter="name")
    assert [zone["id"] for zone in shown["zone"]] == [cloud.zone]


@every_parameter
def test_lists_take_each_of_their_parameters(
    cloud: Cloud, command: Command, parameter: Parameter[Any]
) -> None:
    if command.is_write or command.name == "login" or parameter.name in ("page", "pagesize", "userapikey"):
        return
    given = enough(cloud, command) | {parameter.name: sample(cloud, command, parameter)}
    if parameter.type_name == "map":
        del given[parameter.name]
        given |= {f"{parameter.name}[0].key": "k", f"{parameter.name}[0].value": "v"}
    if parameter is PROJECT:
        given["projectid"] = "-1"
    if parameter.name == "account":
        given["account"] = "tenant"
    if parameter.name in ("supportedservices", "service"):
        given[parameter.name] = "Dhcp"
    if command.name == "getUser":
        given["userapikey"] = cloud.admin.keys.api_key
    cloud.admin.call(command.name, **given)


def test_none_is_nothing_except_in_texts(cloud: Cloud) -> None:
    """As libcloud and others send what they were not given."""
    assert cloud.admin.call("listZones", id="None", ids="None", available="None")["count"] == 1
    assert cloud.admin.call("listZones", name="None") == {}
    error = refusal(cloud.admin, "deleteNetwork", id="None", forced="None")
    assert error.text.endswith("due to missing parameter id")


def test_pages(cloud: Cloud) -> None:
    names = [offering["name"] for offering in cloud.admin.call("listNetworkOfferings")["networkoffering"]]
    paged: list[str] = []
    for page in range(1, 6):
        shown = cloud.admin.call("listNetworkOfferings", page=page, pagesize=2)
        assert shown["count"] == len(names)
        paged += [offering["name"] for offering in shown["networkoffering"]]
    assert paged == names
    assert cloud.admin.call("listNetworkOfferings", page=6, pagesize=2) == {}
    everything = cloud.admin.call("listNetworkOfferings", page=1, pagesize=-1)
    assert len(everything["networkoffering"]) == len(names)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"page": 1}, "missing parameter pagesize"),
        ({"pagesize": 1}, "missing parameter page"),
        ({"page": 1, "pagesize": 501}, "pagesize"),
        ({"page": 0, "pagesize": 1}, "page"),
        ({"page": 1, "pagesize": 0}, "pagesize"),
    ],
)
def test_wrong_pages(cloud: Cloud, arguments: dict[str, int], named: str) -> None:
    assert named in refusal(cloud.admin, "listZones", **arguments).text


def test_nothing_has_a_tag_that_was_never_given(cloud: Cloud) -> None:
    assert cloud.admin.call("listNetworks", **{"tags[0].key": "a", "tags[0].value": "b"}) == {}
    for half in ({"tags[0].key": "a"}, {"tags[0].value": "b"}):
        assert "needs a key and a value" in refusal(cloud.admin, "listNetworks", **half).text


def test_keyword_is_a_part_of_a_name_in_any_case(cloud: Cloud) -> None:
    found = cloud.admin.call("listNetworkOfferings", keyword="VPCnetworksNO")["networkoffering"]
    assert [offering["name"] for offering in found] == ["DefaultIsolatedNetworkOfferingForVpcNetworksNoLB"]
    assert cloud.admin.call("listZones", keyword="nothing like it") == {}
