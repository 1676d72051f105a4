"""Pings that do not depend on how busy the machine is.

Once anything has come back, `ping -c` waits only for two round trips more, whatever `-W` says: on a busy
machine it counts answers as lost that come a little later. With a deadline it asks on until it has them.
"""

from __future__ import annotations

import re
from typing import Any

#: Seconds in which three answers come, or the error that takes their place.
PATIENCE = 10


def reach(node: Any, address: str | None, *options: str) -> str:
    """What ping says on a host when it asks until it has had three answers, or an error."""
    said = str(node.cmd(f"ping -n -c3 -i0.1 -w{PATIENCE} {' '.join(options)} {address}"))
    # It has asked more than three times by the third answer, if they are slow, and may have a fourth with it.
    return re.sub(r" ([4-9]|\d{2,}) received", " 3 received", said)


def ask(node: Any, address: str | None, *options: str) -> str:
    """What it says when it asks three times and nobody, as is expected, answers within a second."""
    return str(node.cmd(f"ping -n -c3 -i0.1 -W1 {' '.join(options)} {address}"))
