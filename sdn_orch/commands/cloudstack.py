"""`cloudstack`: adds sdn-orch to a CloudStack that runs already, examines that, and takes it out again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sdn_orch.commands.common import (
    REFUSED,
    WRONG,
    ConfigOption,
    JsonOption,
    ask,
    console,
    fail,
    show_json,
    table,
)

if TYPE_CHECKING:
    from sdn_orch.provider.installation import Installation
    from sdn_orch.provider.wanted import Wanted

app = typer.Typer(help="A CloudStack that you run: give its networks to sdn-orch.", no_args_is_help=True)

EndpointOption = Annotated[
    str | None,
    typer.Option(
        "--endpoint",
        envvar="CLOUDSTACK_ENDPOINT",
        metavar="URL",
        help="As http://cloudstack.example:8080/client/api; without it the commands are printed.",
        show_default=False,
    ),
]
KeyOption = Annotated[
    str,
    typer.Option(
        "--key", envvar="CLOUDSTACK_KEY", help="A root administrator's API key.", show_default=False
    ),
]
# A secret in the arguments would be in the list of processes.
SecretOption = Annotated[
    str,
    typer.Option(envvar="CLOUDSTACK_SECRET", hidden=True, show_default=False),
]
NetworkOption = Annotated[
    str, typer.Option("--physical-network", metavar="NAME", help="The physical network, by name or id.")
]
UrlOption = Annotated[
    str,
    typer.Option(
        "--url", help="Where management servers reach the daemon's API, as https://sdn.example:8443."
    ),
]
TokenOption = Annotated[
    str | None,
    typer.Option(envvar="SDN_ORCH_TOKEN", hidden=True, show_default=False),
]
NameOption = Annotated[
    str, typer.Option("--name", help="The extension's name, which is the provider's, too.")
]
CafileOption = Annotated[
    str,
    typer.Option(
        "--cafile", metavar="FILE", help="The authority of the daemon's certificate, on management servers."
    ),
]
CloudOption = Annotated[
    str, typer.Option("--cloud", help="A name for this CloudStack, if several share the switches.")
]
SegmentsOption = Annotated[
    bool,
    typer.Option(
        "--no-vlans",
        help="Networks are told apart by UUID instead of by a VLAN or VNI of the physical network.",
    ),
]

WithoutExtensionOption = Annotated[
    bool,
    typer.Option("--without-extension", help="Only sync: for a CloudStack from 4.18 to 4.22."),
]
PlanOption = Annotated[bool, typer.Option("--plan", help="Only show what would be done.")]
DeleteOption = Annotated[
    bool, typer.Option("--delete", help="Delete however much is to go, more than most_deleted, too.")
]
#: Seconds that a comparison may take: the first one of a large cloud brings everything.
_SYNC_PATIENCE = 1800


@app.command()
def install(
    url: UrlOption,
    physical_network: NetworkOption,
    endpoint: EndpointOption = None,
    key: KeyOption = "",
    secret: SecretOption = "",
    token: TokenOption = None,
    name: NameOption = "sdnorch",
    cafile: CafileOption = "",
    cloud: CloudOption = "",
    no_vlans: SegmentsOption = False,
    config: ConfigOption = None,
) -> None:
    """Register the extension, its actions and its offerings, or print the commands that do.

    What is there already stays. The secret of the API key is read from CLOUDSTACK_SECRET, a token of the
    daemon from SDN_ORCH_TOKEN; without one, a new token is made for a new registration.
    """
    from sdn_orch.provider import script
    from sdn_orch.provider.wanted import Wanted

    def wanted(token: str) -> Wanted:
        return Wanted(
            name=name,
            physical_network=physical_network,
            url=url.rstrip("/"),
            token=token,
            cafile=cafile,
            cloud=cloud,
            chooses_segments=no_vlans,
        )

    if endpoint is None:
        return print("\n".join(script.install(wanted("hidden"))))
    with _installation(wanted(token or ""), endpoint, key, secret) as found:
        if token is None and not found.is_registered():
            body = {"name": "cloudstack", "scope": "operate", "days": None}
            found.wanted = wanted(str(ask(config, "/v1/tokens", method="POST", body=body)["token"]))
        found.install(print)
        print(f"now, on every management server: {script.place_file(name)}")
    return None


@app.command()
def doctor(
    url: UrlOption,
    physical_network: NetworkOption = "",
    endpoint: EndpointOption = None,
    key: KeyOption = "",
    secret: SecretOption = "",
    token: TokenOption = None,
    name: NameOption = "sdnorch",
    cafile: CafileOption = "",
    cloud: CloudOption = "",
    no_vlans: SegmentsOption = False,
    without_extension: WithoutExtensionOption = False,
) -> None:
    """Look at every step of an installation, and at sync: what is wrong, and how to mend it."""
    from sdn_orch.provider.doctor import examine
    from sdn_orch.provider.wanted import Wanted

    if not physical_network and not without_extension:
        fail(WRONG, "give --physical-network, or --without-extension")
    wanted = Wanted(
        name=name,
        physical_network=physical_network,
        url=url.rstrip("/"),
        token=token or "",
        cafile=cafile,
        cloud=cloud,
        chooses_segments=no_vlans,
    )
    is_well = True
    with _installation(wanted, endpoint, key, secret) as found:
        for finding in examine(found, is_extended=not without_extension):
            mark = {True: "✓", False: "✗", None: "–"}[finding.is_right]
            console().print(f"{mark} {finding.what}", soft_wrap=True)
            if not finding.is_right and finding.mend:
                # A command that is broken into lines would be another one.
                console().print(f"    {finding.mend}", soft_wrap=True)
            is_well &= finding.is_right is not False
    if not is_well:
        raise typer.Exit(REFUSED)


@app.command()
def uninstall(
    physical_network: NetworkOption,
    endpoint: EndpointOption = None,
    key: KeyOption = "",
    secret: SecretOption = "",
    name: NameOption = "sdnorch",
) -> None:
    """Take the offerings, actions, registration and extension away, or print the commands that do.

    Refused while networks are of the offerings. The token is revoked with `sdn-orch token revoke`.
    """
    from sdn_orch.provider import script
    from sdn_orch.provider.wanted import Wanted

    wanted = Wanted(name=name, physical_network=physical_network, url="", token="")
    if endpoint is None:
        return print("\n".join(script.uninstall(wanted)))
    with _installation(wanted, endpoint, key, secret) as found:
        found.uninstall(print)
    return None


@app.command()
def sync(
    plan: PlanOption = False,
    delete: DeleteOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the daemon's networks with those of the CloudStack in its configuration, and bring them here.

    The daemon does so by itself, too, every `interval` seconds, and when it hears of events.
    """
    body = {"plan": plan, "deletes": delete}
    answer = ask(config, "/v1/cloudstack/sync", method="POST", body=body, patience=_SYNC_PATIENCE)
    if as_json:
        show_json(answer)
    else:
        _show_sync(answer, plan=plan)
    if answer["held"] or answer["faults"]:
        raise typer.Exit(REFUSED)


def _show_sync(answer: Any, *, plan: bool) -> None:
    rows = table("network or VPC", "change", "of", "name", "what changes")
    for row in answer["changes"]:
        rows.add_row(row["group"], row["action"], row["kind"], row["name"], ", ".join(row["fields"]))
    if answer["changes"]:
        console().print(rows)
    is_done = not plan and not answer["held"]
    console().print(
        f"{len(answer['changes'])} differences {'brought here' if is_done else 'found, nothing was changed'}:"
        f" {answer['groups']} networks and VPCs, {answer['calls']} calls, {answer['seconds']:.1f} s"
    )
    for fault in answer["faults"]:
        console().print(f"✗ left as it is: {fault}")
    if answer["held"]:
        console().print(f"✗ {answer['held']}")
        console().print("    if that is right: sdn-orch cloudstack sync --delete")


@contextmanager
def _installation(wanted: Wanted, endpoint: str | None, key: str, secret: str) -> Iterator[Installation]:
    """In that CloudStack; leaves with what it refuses."""
    from sdn_orch.provider.api import Api, CallRefused
    from sdn_orch.provider.installation import Installation

    if not endpoint or not key or not secret:
        fail(
            WRONG,
            "give --endpoint, --key, and the key's secret in the environment's CLOUDSTACK_SECRET",
        )
    try:
        with Api(endpoint, key, secret) as api:
            yield Installation(api, wanted)
    except CallRefused as refused:
        fail(REFUSED, str(refused))
