"""How many bytes wait at a port of Open vSwitch's userspace datapath until it reads them.

Ports are opened with the kernel's default for sockets, which only the machine as a whole has. A packet of
1,500 bytes takes 2,304 of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.common.sandbox import need_root

#: What README says that a host be given.
DEPLOYED = 4 << 20
_SETTING = Path("/proc/sys/net/core/rmem_default")


@contextmanager
def of(size: int) -> Iterator[None]:
    """For the ports that are opened meanwhile; then the machine has its own setting again."""
    need_root()
    before = _SETTING.read_text()
    _SETTING.write_text(str(size))
    try:
        yield
    finally:
        _SETTING.write_text(before)
