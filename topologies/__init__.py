"""Mininet topologies, for `mn --custom`, the demonstration and the tests.

Edge switches are called leaf (or s), fabric switches spine, agg or core; the switch parameter `role` says
which, and the link parameter `capacity` how fast a cable is in megabits per second. Hosts are h1, h2, …
"""
