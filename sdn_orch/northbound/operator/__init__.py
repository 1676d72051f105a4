"""The native REST door: what the daemon knows and does that CloudStack has no words for, under `/v1/`.

Open to the daemon's user on a unix socket, and with tokens over TCP beside CloudStack's API.
"""
