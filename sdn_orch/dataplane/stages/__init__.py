"""One module per table, or group of tables: what its flows are, by the kind of owner they belong to."""
