"""Northbound: use cases, one transaction each, and the doors that translate to them."""
