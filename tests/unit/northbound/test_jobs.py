"""Jobs and events: told at once, kept, bounded, and closed after a crash."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from sdn_orch.northbound.cloudstack import jobs
from sdn_orch.northbound.cloudstack.bootstrap import bootstrap
from sdn_orch.northbound.cloudstack.door import Door
from sdn_orch.northbound.cloudstack.model import Event, Job
from sdn_orch.northbound.service import Service
from sdn_orch.store.sqlite import SqliteStore
from tests.cloudstack import Client, Cloud, Refused


def test_job_of_a_creation_carries_the_object(tmp_path: Path) -> None:
    cloud = Cloud(SqliteStore(tmp_path / "db"))
    red = cloud.account("red")
    first = red.call(
        "createVPC", name="v", cidr="10.0.0.0/16", vpcofferingid=cloud.vpc_offering, zoneid=cloud.zone
    )
    assert first.keys() == {"id", "jobid"}
    job = red.call("queryAsyncJobResult", jobid=first["jobid"])
    expected = {
        "jobid": first["jobid"],
        "jobstatus": 1,
        "jobprocstatus": 0,
        "jobresultcode": 0,
        "jobresulttype": "object",
        "jobinstancetype": "Vpc",
        "jobinstanceid": first["id"],
        "account": "red",
        "created": "2026-11-22T07:56:01+0000",
        "completed": "2026-11-22T07:56:01+0000",
    }
    assert job.items() >= expected.items()
    assert job["cmd"].endswith("CreateVPCCmd")
    assert job["jobresult"]["vpc"]["id"] == first["id"]
    cloud.store.close()

    # The same after a restart, with the same keys.
    service = Service(SqliteStore(tmp_path / "db"), vault=cloud.service.vault)
    assert bootstrap(service) == cloud.admin.keys
    again = Client(Door(service), red.keys)
    assert again.call("queryAsyncJobResult", jobid=first["jobid"]) == job


def test_jobs_are_their_owners() -> None:
    cloud = Cloud()
    red, blue = cloud.account("red"), cloud.account("blue")
    job = red.call("deleteNetwork", id=cloud.network(red, "n")["id"])["jobid"]
    assert cloud.admin.call("queryAsyncJobResult", jobid=job)["jobstatus"] == 1
    with pytest.raises(Refused) as caught:
        blue.call("queryAsyncJobResult", jobid=job)
    assert caught.value.status == 531
    assert red.call("listAsyncJobs")["count"] == 1
    assert blue.call("listAsyncJobs", listall="true") == {}
    cloud.clock.forward(3600)
    assert red.call("listAsyncJobs", startdate="2026-11-22 08:00:00") == {}


def test_injected_job_id() -> None:
    cloud = Cloud()
    id, network = str(uuid4()), cloud.network(cloud.admin, "n")["id"]
    assert cloud.admin.call("updateNetwork", id=network, name="m", injectedjobid=id.upper()) == {"jobid": id}
    with pytest.raises(Refused, match="already exists"):
        cloud.admin.call("updateNetwork", id=network, name="o", injectedjobid=id)
    assert cloud.admin.call("listNetworks", id=network)["network"][0]["name"] == "m"


def test_events_tell_what_was_done_and_what_failed() -> None:
    cloud = Cloud()
    red = cloud.account("red")
    cloud.clock.forward(60)
    network = cloud.network(red, "n")["id"]
    cloud.machine(red, "vm", networkids=network)
    red.failed_or_done("deleteNetwork", id=network)
    newest = red.call("listEvents")["event"]
    assert [(event["type"], event["level"]) for event in newest] == [
        ("NETWORK.DELETE", "ERROR"),
        ("VM.CREATE", "INFO"),
        ("NETWORK.CREATE", "INFO"),
    ]
    assert newest[2].items() >= {"resourcetype": "Network", "resourceid": network, "username": "red"}.items()
    assert "has 1 NICs" in newest[0]["description"]
    assert red.call("listEvents", type="VM.CREATE")["count"] == 1
    assert red.call("listEvents", level="error")["count"] == 1
    assert red.call("listEvents", startid=newest[1]["id"])["count"] == 2
    assert red.call("listEvents", enddate="2026-11-22 07:57:00") == {}
    assert cloud.account("blue").call("listEvents") == {}


def test_only_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "KEPT_JOBS", 5)
    monkeypatch.setattr(jobs, "KEPT_EVENTS", 7)
    cloud = Cloud()
    network = cloud.network(cloud.admin, "n")["id"]
    ids = [cloud.admin.call("updateNetwork", id=network, name=f"n{index}")["jobid"] for index in range(9)]
    assert [job.id for job in cloud.snapshot.all(Job)] == ids[-5:]
    assert cloud.snapshot.count(Event) == 7
