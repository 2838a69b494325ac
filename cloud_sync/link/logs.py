"""How every unit logs: one JSON object a line on stderr, where systemd's journal or a container takes it up.

`log.warning("link.down", extra={"client": "riverside", "why": "refused"})` becomes
`{"time": "2026-05-01T10:00:00.123Z", "level": "warning", "unit": "riverside", "event": "link.down", "client": ...}`.
Values are shown as `str` shows them, so that a `Plate` masks itself here as everywhere.
"""

import json
import logging
import math
import sys
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TextIO

from domain.errors import OperatorError
from domain.now import rfc3339

_NOT_EXTRA = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_OWN = ("time", "level", "unit", "event", "logger", "trace")
_CHATTY = ("uvicorn", "stripe", "httpx", "mqtt")
"""Libraries that log each request or start; only what goes wrong in them is of interest here."""

VALUE_CHARACTERS_MAX = 2_000
"""Of one value; what a peer sent must not fill the disk."""


class JsonLines(logging.Formatter):
    """One record as one line of JSON. Whatever stands in `extra`, it does not fail."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": rfc3339(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "unit": self._unit,
            "event": _event(record),
            "logger": record.name,
        }
        for name, value in vars(record).items():
            if name not in _NOT_EXTRA:
                line[f"{name}_" if name in _OWN else name] = _value(value)
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True)


def setup_logging(unit: str, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Make the whole process log as `unit`, on stderr where no other stream is given.

    A second call takes the first one's place. Raises OperatorError for a level that there is not.
    """
    known = logging.getLevelNamesMapping()
    if level.upper() not in known:
        raise OperatorError("log_level_unknown", f"there is no log level {level!r}; take one of {', '.join(known)}")
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(unit))
    logging.basicConfig(level=known[level.upper()], handlers=[handler], force=True)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(max(known[level.upper()], logging.WARNING))


def _event(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # arguments that do not fit the message: a bug, but none to die of
        return _text(record.msg)


def _value(value: object) -> Any:
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 2**63:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    return _text(value)


def _text(value: object) -> str:
    try:
        text = rfc3339(value) if isinstance(value, datetime) else str(value)
    except Exception:  # a `__str__` that fails must not take the log line with it
        text = f"<{type(value).__name__}>"
    return text if len(text) <= VALUE_CHARACTERS_MAX else f"{text[:VALUE_CHARACTERS_MAX]}…"
