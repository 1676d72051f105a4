"""Benchmarks, each runnable alone: `./dev bench NAME`."""
