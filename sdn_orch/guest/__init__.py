"""What the controller itself says to guests: addresses, routers, neighbours, and why a packet did not arrive.

Everything here is a pure function of the snapshot and one frame; `worker.py` is the only thread.
"""
