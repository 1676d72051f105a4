"""The command line: `sdn-orch COMMAND`. Most ask the running daemon."""

from __future__ import annotations

from sdn_orch.uncollected import kept

# What is imported stays: collecting would find nothing, for a twentieth of a second at each start.
with kept():
    import typer

    from sdn_orch.commands import (
        balancers,
        calls,
        cloudstack,
        daemon,
        flows,
        hosts,
        lists,
        pipeline,
        proxy,
        tokens,
        topology,
        trace,
    )

app = typer.Typer(
    name="sdn-orch",
    help="Tenant networks for Apache CloudStack in OpenFlow switches, without virtual routers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for command in (
    daemon.controller,
    daemon.check,
    lists.status,
    lists.networks,
    lists.ports,
    balancers.balancers,
    topology.topology,
    flows.flows,
    flows.explain,
    trace.trace,
    flows.plan,
    pipeline.pipeline,
    calls.calls,
    proxy.proxy,
):
    app.command()(command)
app.add_typer(tokens.app, name="token")
app.add_typer(cloudstack.app, name="cloudstack")
app.add_typer(hosts.app, name="host")


def main() -> None:
    """Entry point of the package."""
    app()


if __name__ == "__main__":
    main()
