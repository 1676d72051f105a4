"""What is wrong with one group, for which no other has to wait."""

from __future__ import annotations

import logging

from sdn_orch.errors import SdnOrchError

log = logging.getLogger(__name__)


def fault(name: str, id: str, error: Exception) -> str:
    """What is wrong, in a line. Where nobody foresaw it the log says where it came from."""
    if isinstance(error, SdnOrchError):
        return f"{name} ({id}): {error}"
    log.error("CloudStack: %s (%s) is left as it is, by a fault of sdn-orch", name, id, exc_info=error)
    return f"{name} ({id}): a fault of sdn-orch: {type(error).__name__}: {error}"
