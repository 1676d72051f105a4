"""Adds sdn-orch to a CloudStack that runs already, looks after the installation, and takes it out again."""
