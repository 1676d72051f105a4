"""Asynchronous jobs and events: durable, committed together with what they tell of.

The work of a job is one transaction, so that a job is complete when its id is told, and none is ever pending:
a crash leaves nothing of it. The newest of each are kept; with every new one the one that is too old goes.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from sdn_orch.northbound.cloudstack.callers import Caller
from sdn_orch.northbound.cloudstack.faults import INTERNAL, ApiFault
from sdn_orch.northbound.cloudstack.model import Event, Job, JobStatus
from sdn_orch.northbound.service import Transaction
from sdn_orch.vault import Vault

#: How many of the newest jobs and events are kept.
KEPT_JOBS = 20_000
KEPT_EVENTS = 50_000


def finished(
    transaction: Transaction,
    caller: Caller,
    command: str,
    job_id: str | None,
    result: dict[str, object],
    resource: tuple[str, str],
    *,
    is_secret: bool = False,
) -> Job:
    """Record a job that has succeeded; `resource` is the type and id of what it was about.

    A result that is secret is sealed, and only told to who asks for this job.
    """
    job = _job(caller, command, job_id, transaction.now, resource, JobStatus.DONE, 0, result)
    if is_secret:
        sealed = transaction.vault.seal(job.id, "result", job.result.encode())
        job = replace(job, result="{}", sealed_result=sealed)
    return _record(transaction, job)


def result_of(job: Job, vault: Vault) -> object:
    """What came of a job, also where that is secret."""
    if not job.sealed_result:
        return json.loads(job.result)
    return json.loads(vault.unseal(job.id, "result", job.sealed_result))


def failed(
    transaction: Transaction, caller: Caller, command: str, job_id: str | None, fault: ApiFault
) -> Job:
    """Record a job that has failed; the result code is always 530, the fault's own stands in the result."""
    return _record(
        transaction,
        _job(caller, command, job_id, transaction.now, ("", ""), JobStatus.FAILED, INTERNAL, fault.body()),
    )


def tell(
    transaction: Transaction, caller: Caller, type: str, text: str, resource: tuple[str, str], level: str
) -> None:
    """Record an event."""
    event = Event(
        id=str(uuid4()),
        type=type,
        level=level,
        description=text,
        created=transaction.now,
        account_id=caller.account.id,
        username=caller.user.username,
        resource_type=resource[0],
        resource_id=resource[1],
    )
    transaction.put(event)
    oldest = transaction.snapshot.last_number(Event) - KEPT_EVENTS
    if (old := transaction.snapshot.numbered(Event, oldest)) is not None:
        transaction.delete(old)


def _job(
    caller: Caller,
    command: str,
    job_id: str | None,
    now: datetime,
    resource: tuple[str, str],
    status: JobStatus,
    code: int,
    result: dict[str, object],
) -> Job:
    return Job(
        id=job_id or str(uuid4()),
        account_id=caller.account.id,
        user_id=caller.user.id,
        command=command,
        created=now,
        completed=now,
        status=status,
        result_code=code,
        result=json.dumps(result, ensure_ascii=False),
        resource_type=resource[0],
        resource_id=resource[1],
    )


def _record(transaction: Transaction, job: Job) -> Job:
    transaction.put(job)
    oldest = transaction.snapshot.last_number(Job) - KEPT_JOBS
    if (old := transaction.snapshot.numbered(Job, oldest)) is not None:
        transaction.delete(old)
    return job
