"""Looks at how the daemon follows CloudStack, and whether CloudStack's events reach it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from urllib.parse import urlsplit

import httpx

from sdn_orch.northbound.sync.webhook import PATH
from sdn_orch.provider.api import JSON, Api, CallRefused
from sdn_orch.provider.findings import Finding

#: A comparison is missed when there was none for so many intervals, and seconds that one may take.
_INTERVALS, _PATIENCE = 2, 600.0
_SECTION = "[cloudstack]"
#: What is sent to try the webhook: it is no event, and heard by nobody.
_TRIAL = "sdn-orch cloudstack doctor"


def examine(api: Api, ask: Callable[[str], httpx.Response], url: str) -> Iterator[Finding]:
    """`ask` asks the daemon, which management servers reach at `url`. Raises httpx.HTTPError."""
    answer = ask("/v1/cloudstack/sync")
    if answer.status_code == httpx.codes.CONFLICT:
        yield Finding(
            None,
            "the daemon does not sync with CloudStack",
            f"what commands do not say is missing: give it {_SECTION}, as docs/cloudstack.md says",
        )
        return
    state = answer.raise_for_status().json()
    yield from _comparisons(state)
    if state["webhook"] is not None:
        yield from _webhook(api, state["webhook"], url)
    if state["bus"] is not None:
        yield _bus(state["bus"])
    elif state["webhook"] is None:
        yield Finding(
            None,
            f"no events: changes come over every {state['interval']:g} s",
            f"give {_SECTION} a webhook_secret_file and make the webhook, or give it the event bus",
        )


def _comparisons(state: JSON) -> Iterator[Finding]:
    if state["problem"] is not None:
        yield Finding(False, f"sync: {state['problem']}", _way_to_read(state["problem"]))
    if state["compared"] is None:
        yield Finding(
            None if state["problem"] is None else False,
            f"sync: the daemon has not read {state['url']} to the end since its start",
            "wait, or see sdn-orch cloudstack sync --plan",
        )
        return
    age = (datetime.fromisoformat(state["now"]) - datetime.fromisoformat(state["compared"])).total_seconds()
    yield Finding(
        age < max(_INTERVALS * state["interval"], state["interval"] + _PATIENCE),
        f"sync: {state['groups']} networks and VPCs of {state['url']}, compared {age:.0f} s ago",
        "sdn-orch cloudstack sync says why it is not done any more",
    )
    if state["held"] is not None:
        yield Finding(
            False,
            f"sync: held back: {state['held']}",
            "see sdn-orch cloudstack sync --plan; if that is right: sdn-orch cloudstack sync --delete",
        )
    for fault in state["faults"]:
        yield Finding(
            False,
            f"sync: left as it is: {fault}",
            "change it in CloudStack, or what it meets of the daemon's",
        )


def _way_to_read(problem: str) -> str:
    if "does not answer" in problem:
        return f"see url and cafile of {_SECTION}, and whether the daemon's host reaches it"
    if "credentials" in problem or "signature" in problem:
        return f"give {_SECTION} the key and secret_file of a root administrator: cmk registerUserKeys id=…"
    return "the key must be a root administrator's; CloudStack's management-server.log says more"


def _bus(state: JSON) -> Finding:
    name, problem = f"event bus at {state['broker']}", state["problem"]
    if state["connected"] is not None:
        return Finding(True, f"{name}: last heard {state['heard'] or 'never since the daemon began'}")
    if problem is None:
        return Finding(None, f"{name}: is not listened to yet", "wait")
    if "NOT_FOUND" in problem:
        mend = "CloudStack makes its exchange when its event bus is configured, and it is started again"
    elif "ACCESS_REFUSED" in problem or "NOT_ALLOWED" in problem:
        mend = "see username, password and virtual_host; the user needs configure, write and read permissions"
    else:
        mend = "see host, port and tls of [cloudstack.rabbitmq], and whether the daemon's host reaches it"
    return Finding(False, f"{name}: {problem}", mend)


def _webhook(api: Api, known: JSON, url: str) -> Iterator[Finding]:
    """The daemon hears whoever signs as it expects; that is tried with a message that means nothing."""
    wanted = f"{url}{PATH}"
    create = (
        f'cmk createWebhook name=sdn-orch payloadurl={wanted} secretkey="$(cat webhook.secret)"'
        " scope=Global state=Enabled"
    )
    try:
        rows = [
            row
            for row in api.listed("listWebhooks", listall="true")
            if urlsplit(str(row.get("payloadurl"))).path == PATH
        ]
    except CallRefused as refused:
        yield Finding(
            False, f"webhook: {refused}", "webhooks need CloudStack 4.20; without them, leave it out"
        )
        return
    if not rows:
        yield Finding(False, f"webhook: none delivers to {wanted}", create)
    for row in rows:
        yield from _delivers(api, row, known)


def _delivers(api: Api, row: JSON, known: JSON) -> Iterator[Finding]:
    name, update = f"webhook {row.get('name')}", f"cmk updateWebhook id={row['id']}"
    if row.get("state") != "Enabled":
        yield Finding(False, f"{name}: is {row.get('state')}", f"{update} state=Enabled")
        return
    if row.get("scope") != "Global":
        yield Finding(
            False, f"{name}: has events of {row.get('scope')} scope only", "delete it and make a Global one"
        )
    try:
        answer = api.call("executeWebhookDelivery", webhookid=row["id"], payload=_TRIAL)
    except CallRefused as refused:
        heard = known["heard"]
        yield Finding(
            None,
            f"{name}: could not be tried ({refused}); last heard {heard or 'never since the daemon began'}",
            "change something in CloudStack, and look again",
        )
        return
    delivery = answer.get("webhookdelivery", answer)
    if delivery.get("success") in (True, "true"):
        yield Finding(True, f"{name}: reaches the daemon, and is verified")
        return
    said = str(delivery.get("response") or "no answer")[:200]
    if "signature" in said:
        mend = f'{update} secretkey="$(cat webhook.secret)": that of webhook_secret_file'
    else:
        mend = f"management servers must reach {row.get('payloadurl')}, and trust its certificate"
    yield Finding(False, f"{name}: {said}", mend)
