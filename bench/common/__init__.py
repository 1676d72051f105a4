"""What benchmarks share: a place of their own to run in, made-up clouds, and how results are told."""
