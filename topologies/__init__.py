"""Mininet topologies, for `mn --custom`, the demonstration and the tests.

Edge switches are called leaf (or s), fabric switches spine, agg or core; the switch parameter `role` says
which, and the link parameter `capacity` how fast a cable is in megabits per second. Hosts are h1, h2, …
"""

import contextlib
import logging

with contextlib.suppress(ImportError):
    import mininet.log  # noqa: F401

    # Mininet makes every logger that the process asks for from now on one of its own, which says nothing
    # below its own level. Only its own logger, which is made by now, is to be so.
    logging.setLoggerClass(logging.Logger)
