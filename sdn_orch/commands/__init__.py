"""The commands of `sdn-orch`, one module a subject. `sdn_orch.cli` puts them together."""
