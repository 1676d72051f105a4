"""The operator's door: what the daemon knows, as JSON under `/v1/` on a unix socket. It changes nothing."""
