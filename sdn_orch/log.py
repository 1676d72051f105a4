"""Logging: one line an event, for people by default, as JSON on request, and never with a secret in it.

Modules log by the standard library: `log.info("switch %s in sync", name, extra={"flows": 120})`. What is
given as `extra` becomes `key=value` behind the text, or a member of the JSON object.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

#: Names whose values are never written, in any spelling: apiKey, api_key, secret-key, X-Auth-Token…
_HUSH = (
    r"(?:api[_-]?key|secret(?:[_-]?key)?|passw(?:or)?d|signature|[a-z-]*token|authorization|private[_-]?key)"
)
_HUSH_NAME = re.compile(_HUSH, re.IGNORECASE)
_HUSH_VALUE = re.compile(
    rf"""(\b{_HUSH}["']?\s*[=:]\s*["']?)((?:bearer\s+|basic\s+)?[^\s&"',;)}}]+)""", re.IGNORECASE
)
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
HIDDEN = "•••"


def redact(text: str) -> str:
    """The text with the values of everything that is called like a secret hidden."""
    return _HUSH_VALUE.sub(rf"\1{HIDDEN}", text)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    given = {name: value for name, value in vars(record).items() if name not in _OWN}
    return {name: HIDDEN if _HUSH_NAME.fullmatch(name) else value for name, value in given.items()}


class HumanFormatter(logging.Formatter):
    """`13:04:05.678 warning reconcile: text key=value`, and the traceback below it if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, with the record's time in UTC."""
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        source = record.name.removeprefix("sdn_orch.")
        extra = "".join(f" {name}={value}" for name, value in _extra(record).items())
        text = record.getMessage().replace("\n", " | ")
        line = redact(f"{time} {record.levelname.lower():7} {source}: {text}{extra}")
        if record.exc_info:
            line += "\n" + redact(self.formatException(record.exc_info))
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (ISO 8601, UTC), level, source, text, then the extra members."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON; values that JSON does not know are written as text."""
        event = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "source": record.name,
            "text": redact(record.getMessage()),
            **_extra(record),
        }
        if record.exc_info:
            event["traceback"] = redact(self.formatException(record.exc_info))
        return json.dumps(event, default=str, ensure_ascii=False)


def configure(level: str = "info", form: str = "human", stream: TextIO | None = None) -> None:
    """Send all logging of this process to `stream` (standard error), from `level` up, in one of two forms."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else HumanFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Libraries report every packet and request at these levels; ours say what matters of it.
    for chatty in ("os_ken", "ryu", "ovsdbapp", "httpx", "httpcore", "uvicorn"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    # It says at every attempt what we say once.
    logging.getLogger("ovsdbapp.backend.ovs_idl.idlutils").setLevel(logging.CRITICAL)
