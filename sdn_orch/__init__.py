"""sdn-orch: tenant networks for Apache CloudStack in OpenFlow switches, without virtual routers."""
