"""Every fault of a configuration is told at once, with file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdn_orch.config import Config, PortName, load
from sdn_orch.endpoint import Endpoint
from sdn_orch.errors import Invalid
from tests.certificates import self_signed

EXAMPLE = Path(__file__).parents[2] / "docs" / "sdn-orch.toml"


def faults(tmp_path: Path, text: str, **environment: str) -> list[str]:
    """The faults of a file, with its directory cut off."""
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(Invalid) as caught:
        load(path, environment)
    return [fault.replace(f"{tmp_path}/", "") for fault in caught.value.faults]


def test_nothing_at_all_is_a_configuration_on_loopback() -> None:
    config = load(None, {})
    assert config == Config()
    assert config.openflow.listen.host == config.api.listen.host == "127.0.0.1"


def test_the_example_is_right() -> None:
    config = load(EXAMPLE, {})
    assert config.openflow.listen == Endpoint("0.0.0.0", 6653)
    assert [switch.dpid for switch in config.switches] == [1, 2, 0x101]
    assert config.links[0].a == PortName("leaf1", 4)
    assert config.attachments[0].port == PortName("leaf1", 3, 100)


def test_the_example_shows_every_section() -> None:
    assert {name for name in Config.model_fields if name not in EXAMPLE.read_text()} == set()


def test_every_fault_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = """run_directry = "/x"
[openflow]
listen = "foo"
[fabric]
mtu = 12

[[switches]]
dpid = 0
name = "leaf1"
[[switches]]
dpid = 7
name = "kvm1"
transport = "vxlan"
[[links]]
a = "leaf1:1"
b = "laef1:1"
[[attachments]]
mac = "xx"
port = "leaf1:1"
"""
    assert faults(tmp_path, text) == [
        "x.toml:1: run_directry: no such key, did you mean run_directory?",
        'x.toml:3: openflow.listen: write it as "address:port", for example "127.0.0.1:6653" or "[::1]:6653"',
        "x.toml:5: fabric.mtu: input should be greater than or equal to 1280",
        'x.toml:8: switches[1].dpid: write a datapath id as 0x1f or "000000000000001f", not 0',
        "x.toml:10: switches[2].underlay: transport vxlan needs the port towards the underlay",
        "x.toml:10: switches[2].tunnel_address: transport vxlan needs the switch's own tunnel address",
        "x.toml:16: links[1].b: no switch is called laef1, did you mean leaf1?",
        'x.toml:18: attachments[1].mac: write a MAC address as "02:00:5e:00:00:07"',
    ]


def test_the_fabric_s_transport_is_that_of_its_switches(tmp_path: Path) -> None:
    text = '[fabric]\ntransport = "vlan"\n[[switches]]\ndpid = 1\nname = "a"\n'
    assert faults(tmp_path, text) == [
        "x.toml:3: switches[1].underlay: transport vlan needs the port towards the underlay"
    ]
    (tmp_path / "y.toml").write_text(text + 'role = "fabric"\n')
    assert load(tmp_path / "y.toml", {}).switches[0].name == "a"


def test_what_is_said_twice(tmp_path: Path) -> None:
    text = """
[[switches]]
dpid = 1
name = "a"
[[switches]]
dpid = "00:00:00:00:00:00:00:01"
name = "a"
[[links]]
a = "a:1"
b = "a:2"
[[links]]
a = "a:2"
b = "a:3"
[[attachments]]
nic = "f0"
port = "a:3"
"""
    assert faults(tmp_path, text) == [
        "x.toml:6: switches[2].dpid: 0x1 stands at switches[1].dpid already",
        "x.toml:7: switches[2].name: a stands at switches[1].name already",
        "x.toml:12: links[2].a: a:2 stands at links[1].b already",
        "x.toml:16: attachments[1].port: a:3 is the end of a link",
    ]


def test_an_attachment_names_one_nic(tmp_path: Path) -> None:
    text = '[[switches]]\ndpid = 1\nname = "a"\n[[attachments]]\nport = "a:1"\n'
    assert faults(tmp_path, text) == ["x.toml:4: attachments[1]: say either nic (a UUID) or mac"]


@pytest.mark.parametrize("port", ["leaf1", "leaf1:0", ":3", "leaf1:3,0", "leaf1:3,4095", "leaf1:4294967295"])
def test_malformed_ports(tmp_path: Path, port: str) -> None:
    text = f'[[switches]]\ndpid = 1\nname = "leaf1"\n[[attachments]]\nnic = "f0"\nport = "{port}"\n'
    assert len(faults(tmp_path, text)) == 1


def test_syntax(tmp_path: Path) -> None:
    assert faults(tmp_path, '[api]\nlisten = "a\n')[0].startswith("x.toml:2: is not TOML: ")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"none\.toml: cannot be read: No such file or directory"):
        load(tmp_path / "none.toml", {})


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('[openflow]\nlisten = "10.0.0.1:1"\n[discovery]\ninterval = 2\n')
    config = load(
        path,
        {
            "SDN_ORCH__OPENFLOW__LISTEN": "[::]:6654",
            "SDN_ORCH__DISCOVERY__ENABLED": "false",
            "SDN_ORCH__OVSDB": '[{endpoint = "unix:/x"}]',
            "SDN_ORCHESTRA": "not ours",
        },
    )
    assert config.openflow.listen == Endpoint("::", 6654)
    assert not config.discovery.enabled
    assert config.discovery.interval == 2
    assert config.ovsdb[0].endpoint == "unix:/x"


def test_faults_of_the_environment_name_the_variable(tmp_path: Path) -> None:
    found = faults(tmp_path, "", SDN_ORCH__API__LISTEN="99", SDN_ORCH__STOR__PATH="x", SDN_ORCH__LOG="loud")
    assert [fault.split(": ")[:2] for fault in found] == [
        ["environment SDN_ORCH__API__LISTEN", "api.listen"],
        ["environment SDN_ORCH__LOG", "log"],
        ["environment SDN_ORCH__STOR__PATH", "stor"],
    ]


def identity(tmp_path: Path, name: str) -> str:
    """A certificate of its own, as the value of a `tls` key."""
    certificate, key = self_signed(tmp_path, name)
    return f'{{ certificate = "{certificate}", key = "{key}", authority = "{certificate}" }}'


def test_tls_files_are_tried(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(f"[openflow]\ntls = {identity(tmp_path, 'a')}\n")
    tls = load(path, {}).openflow.tls
    assert tls is not None and tls.key == tmp_path / "a.key"
    tls.key.write_text("no key")
    with pytest.raises(Invalid, match=r"x\.toml:2: openflow\.tls: these files do not make a TLS server"):
        load(path, {})


def test_tls_has_no_other_keys(tmp_path: Path) -> None:
    tls = identity(tmp_path, "a").replace("authority", "authorities")
    assert faults(tmp_path, f"[api]\ntls = {tls}\n") == [
        "x.toml:2: api.tls.authorities: no such key, did you mean authority?"
    ]


def test_towards_switches_and_databases_tls_is_mutual(tmp_path: Path) -> None:
    tls = identity(tmp_path, "a").partition(", authority")[0] + " }"
    text = f'[openflow]\ntls = {tls}\n[[ovsdb]]\nendpoint = "ssl:192.0.2.1:6640"\ntls = {tls}\n'
    assert faults(tmp_path, text) == [
        "x.toml:2: openflow.tls.authority: is missing",
        "x.toml:5: ovsdb[1].tls.authority: is missing",
    ]


def test_databases_share_their_tls_files_and_have_them_exactly_with_tls(tmp_path: Path) -> None:
    a, b = identity(tmp_path, "a"), identity(tmp_path, "b")
    rows = [("ssl:192.0.2.1:6640", a), ("ssl:192.0.2.2:6640", a)]

    def text() -> str:
        return "".join(
            f'[[ovsdb]]\nendpoint = "{endpoint}"\n' + (f"tls = {tls}\n" if tls else "")
            for endpoint, tls in rows
        )

    path = tmp_path / "x.toml"
    path.write_text(text())
    assert len(load(path, {}).ovsdb) == 2
    rows.append(("ssl:192.0.2.3:6640", b))
    assert faults(tmp_path, text()) == [
        "x.toml:9: ovsdb[3].tls: all databases share one set of files, and ovsdb[1].tls has others"
    ]
    rows[:] = [("ssl:192.0.2.1:6640", ""), ("tcp:192.0.2.1:6640", a)]
    assert [fault.partition(": tls is for")[0] for fault in faults(tmp_path, text())] == [
        "x.toml:1: ovsdb[1]",
        "x.toml:3: ovsdb[2]",
    ]


_BUS = '[cloudstack.rabbitmq]\nhost = "broker"\nusername = "sdn-orch"\n'


def _cloudstack(tmp_path: Path, bus: str) -> str:
    (tmp_path / "secret").write_text("s3cret\n")
    given = f'url = "https://cloudstack/client/api"\nkey = "k"\nsecret_file = "{tmp_path}/secret"\n'
    return f"[cloudstack]\n{given}{bus}"


def test_the_event_bus_s_password_is_in_a_file_or_in_the_environment_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(_cloudstack(tmp_path, _BUS))
    config = load(path, {"SDN_ORCH__CLOUDSTACK__RABBITMQ__PASSWORD": "pa55word"})
    assert config.cloudstack is not None
    bus = config.cloudstack.rabbitmq
    assert bus is not None
    assert (bus.secret, bus.tcp_port, bus.exchange, bus.context) == (
        "pa55word",
        5672,
        "cloudstack-events",
        None,
    )
    assert "pa55word" not in repr(config)
    path.write_text(_cloudstack(tmp_path, f'{_BUS}tls = true\npassword_file = "{tmp_path}/secret"\n'))
    config = load(path, {})
    assert config.cloudstack is not None and config.cloudstack.rabbitmq is not None
    assert (config.cloudstack.rabbitmq.secret, config.cloudstack.rabbitmq.tcp_port) == ("s3cret", 5671)


def test_faults_of_the_event_bus(tmp_path: Path) -> None:
    both = f'password_file = "{tmp_path}/secret"\n'
    for text, environment, wanted in (
        ("", {}, "say either password_file, or password in the environment"),
        (both, {"SDN_ORCH__CLOUDSTACK__RABBITMQ__PASSWORD": "pa55word"}, "say either password_file"),
        (f'{both}cafile = "{tmp_path}/secret"\n', {}, "cafile is for tls = true"),
        (f'{both}tls = true\ncafile = "{tmp_path}/secret"\n', {}, "cafile has no certificates"),
        (f"{both}port = 70000\n", {}, "port"),
        (f'{both}exchnge = "x"\n', {}, "did you mean exchange?"),
    ):
        told = "\n".join(faults(tmp_path, _cloudstack(tmp_path, _BUS + text), **environment))
        assert wanted in told
        assert "pa55word" not in told
