"""CloudStack's query API: what a CloudStack client says becomes use cases, what they did becomes answers."""
