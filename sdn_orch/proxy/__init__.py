"""Runs HAProxy on a gateway's host for the load balancers whose addresses live there: `sdn-orch proxy`."""
