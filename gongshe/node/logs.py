"""What the node writes for people and for machines: one line per event, levels by target.

Directives are Substrate's: `info,rpc=debug,chain=warn` sets a level for everything and for rooms
of this package (`rpc` is `gongshe.rpc`). No line carries an extrinsic's content or a key.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import TextIO

LEVELS = {
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "off": logging.CRITICAL + 1,
}
PACKAGE = "gongshe"
MAX_DIRECTIVES = 32
"""Rooms and files of this package number about as many."""


class JsonLines(logging.Formatter):
    """One JSON object per line, for collectors."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}",
            "level": record.levelname.lower(),
            "target": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class Logs:
    """The log of this process, and the levels it was started with."""

    def __init__(
        self, directives: str = "info", *, as_json: bool = False, stream: TextIO | None = None
    ) -> None:
        self._start = read_directives(directives)
        handler = logging.StreamHandler(stream or sys.stderr)
        if as_json:
            handler.setFormatter(JsonLines())
        else:
            text = "%(asctime)s %(levelname).1s %(message)s"
            handler.setFormatter(logging.Formatter(text, "%Y-%m-%d %H:%M:%S"))
        root = logging.getLogger(PACKAGE)
        root.handlers[:] = [handler]
        root.propagate = False
        self._set: set[str] = set()
        self._apply(self._start)

    def filter(self, directives: str | None) -> None:
        """Set levels while running, or None for those of the start; ValueError if unreadable."""
        self._apply(self._start if directives is None else read_directives(directives))

    def _apply(self, levels: dict[str, int]) -> None:
        for target in self._set - levels.keys():
            logging.getLogger(target).setLevel(logging.NOTSET)
        for target, level in levels.items():
            logging.getLogger(target).setLevel(level)
        self._set = set(levels)
        if PACKAGE not in levels:
            logging.getLogger(PACKAGE).setLevel(logging.INFO)


def read_directives(text: str) -> dict[str, int]:
    """Return levels by logger name; ValueError says which part cannot be read."""
    levels: dict[str, int] = {}
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) > MAX_DIRECTIVES:
        raise ValueError(f"at most {MAX_DIRECTIVES} log directives expected, found {len(parts)}")
    for part in parts:
        target, equals, name = part.rpartition("=")
        level = LEVELS.get(name.lower())
        if level is None:
            raise ValueError(
                f"log level {' or '.join(LEVELS)} expected, found {name!r} in {part!r};"
                " write for example info,rpc=debug"
            )
        if equals and not target.replace(".", "").replace("_", "").isalnum():
            raise ValueError(f"a room such as rpc or chain expected before '=', found {target!r}")
        levels[f"{PACKAGE}.{target}" if target else PACKAGE] = level
    return levels
