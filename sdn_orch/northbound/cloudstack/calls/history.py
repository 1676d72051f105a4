"""queryAsyncJobResult, listAsyncJobs, listEvents."""

from __future__ import annotations

from collections.abc import Iterable

from sdn_orch.northbound.cloudstack import jobs
from sdn_orch.northbound.cloudstack.answers.history import EVENT, JOB
from sdn_orch.northbound.cloudstack.calls.installation import THIS_SERVER
from sdn_orch.northbound.cloudstack.declare import Call, lists, shows
from sdn_orch.northbound.cloudstack.filters import all_have, by
from sdn_orch.northbound.cloudstack.model import Event, Job
from sdn_orch.northbound.cloudstack.parameters import date, entity, required, text
from sdn_orch.northbound.cloudstack.scope import SCOPE, chosen, one_or, visible

JOB_ID = entity("jobid", Job, "the id of the job")
EVENT_ID = entity("id", Event, "the id of the event")
START_DATE = date("startdate", "from this time on")
END_DATE = date("enddate", "up to this time")
RESOURCE_ID = text("resourceid", "the id of what it is about")
RESOURCE_TYPE = text("resourcetype", "the kind of what it is about")
TYPE = text("type", "the type of the event")
LEVEL = text("level", "INFO, WARN or ERROR")
STATE = by(EVENT, text("state", "the state: Completed"))
SERVER = all_have(text("managementserverid", "the management server that did it"), THIS_SERVER.id)
START_ID = entity("startid", Event, "from this event on")


@shows("queryAsyncJobResult", JOB, "Shows a job and what came of it", required(JOB_ID))
def query_async_job_result(call: Call) -> dict[str, object]:
    """The job; users see their own, administrators those below them too."""
    return JOB.render(call.scene, call[JOB_ID]) | {"jobresult": jobs.result_of(call[JOB_ID], call.vault)}


@lists("listAsyncJobs", JOB, "Lists jobs", START_DATE, RESOURCE_ID, RESOURCE_TYPE, SERVER, *SCOPE)
def list_async_jobs(call: Call) -> Iterable[Job]:
    """Jobs by owner and time."""
    start = call.get(START_DATE)
    return chosen(
        visible(call, call.snapshot.all(Job)),
        (True if start else None, lambda job: start is not None and job.created >= start),
        (call.get(RESOURCE_ID), lambda job: job.resource_id),
        (call.get(RESOURCE_TYPE), lambda job: job.resource_type),
    )


@lists(
    "listEvents",
    EVENT,
    "Lists events, the newest first",
    EVENT_ID,
    TYPE,
    LEVEL,
    STATE,
    START_DATE,
    END_DATE,
    START_ID,
    RESOURCE_ID,
    RESOURCE_TYPE,
    *SCOPE,
)
def list_events(call: Call) -> Iterable[Event]:
    """Events by owner, time and kind."""
    start, end, first = call.get(START_DATE), call.get(END_DATE), call.get(START_ID)
    level = call.get(LEVEL)
    found = one_or(call, EVENT_ID, lambda: visible(call, call.snapshot.all(Event)))
    events = chosen(
        found,
        (call.get(TYPE), lambda event: event.type),
        (level.upper() if level else None, lambda event: event.level),
        (True if start else None, lambda event: start is not None and event.created >= start),
        (True if end else None, lambda event: end is not None and event.created <= end),
        (True if first else None, lambda event: first is not None and event.number >= first.number),
        (call.get(RESOURCE_ID), lambda event: event.resource_id),
        (call.get(RESOURCE_TYPE), lambda event: event.resource_type),
    )
    return reversed(list(events))
