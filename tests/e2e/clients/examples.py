"""Running the examples of the documentation, and seeing that nothing stays of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sdn_orch.northbound.cloudstack.model import Event, Job
from sdn_orch.northbound.cloudstack.model_tenancy import Tombstone
from sdn_orch.northbound.pool import PoolBlock
from sdn_orch.store.codec import kinds
from tests.e2e.clients.conftest import Api

EXAMPLES = Path(__file__).parents[3] / "docs" / "clients"


def run_example(api: Api, name: str, tenant: Any) -> dict[str, str]:
    """Run a script as the user of a `cs` client; what it printed, by the words before the colons."""
    keys = {"CLOUDSTACK_KEY": str(tenant.key), "CLOUDSTACK_SECRET": str(tenant.secret)}
    done = subprocess.run(
        [sys.executable, EXAMPLES / name],
        env=os.environ | keys | {"CLOUDSTACK_ENDPOINT": api.endpoint},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(line.split(": ", 1) for line in done.stdout.splitlines())


def what_there_is(api: Api) -> dict[str, int]:
    """How many records there are of every kind but those that tell of calls and keep no trace of pools."""
    passing = {Job.__name__, Event.__name__, PoolBlock.__name__, Tombstone.__name__}
    counts = {name: api.service.snapshot.count(kind) for name, kind in kinds().items() if name not in passing}
    return {name: count for name, count in counts.items() if count}
