"""Run in a guest: what cloud-init's CloudStack data source finds out, as JSON. Takes a directory."""

import json
import logging
import sys

from cloudinit import helpers
from cloudinit.sources import DataSourceCloudStack as cloudstack  # noqa: N813

logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
# The files of the machine that plays the guest tell of another network: as in a guest without leases.
cloudstack.get_vr_address = cloudstack.get_default_gateway
source = cloudstack.DataSourceCloudStack(
    {}, None, helpers.Paths({"cloud_dir": sys.argv[1], "run_dir": sys.argv[1]})
)
found = source._get_data()
print(
    json.dumps(
        {
            "found": found,
            "instance_id": source.get_instance_id(),
            "zone": source.availability_zone,
            "hostname": source.metadata["local-hostname"],
            "metadata": source.metadata,
            "user_data": source.userdata_raw.decode("latin-1"),
            "password": source.get_config_obj().get("password"),
        }
    )
)
