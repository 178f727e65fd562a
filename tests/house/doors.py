"""Doors: where each outside library may enter, and which standard modules a pure room may use."""

from __future__ import annotations

import sys
from dataclasses import dataclass

STANDARD_LIBRARY = sys.stdlib_module_names

PURE_STANDARD_LIBRARY = frozenset(
    {
        "__future__",
        "abc",
        "ast",
        "base64",
        "binascii",
        "bisect",
        "collections",
        "contextlib",
        "copy",
        "dataclasses",
        "difflib",
        "enum",
        "functools",
        "hashlib",
        "heapq",
        "hmac",
        "inspect",
        "itertools",
        "keyword",
        "math",
        "operator",
        "re",
        "string",
        "struct",
        "textwrap",
        "types",
        "typing",
        "unicodedata",
    }
)
"""A list of what is allowed, not of what is forbidden: a module nobody thought of stays out.

`secrets` and `os` are not here even for making keys: whoever makes a key brings the entropy.
"""

PURE_EXCEPTIONS = {
    "runtime/executive.py": {"weakref"},  # a pallet's runtime, which lives while it is asked
    "runtime/pallet.py": {"sys"},  # finds the module of a pallet, once, when it is declared
}
"""Standard modules that one pure file may use, and for what."""


@dataclass(frozen=True)
class Door:
    """Under which name a library is installed, and the files (patterns) that may import it."""

    distribution: str
    places: tuple[str, ...]


DOORS = {
    "click": Door("click", ("cli.py", "cli_*.py")),
    "h11": Door("h11", ("rpc/http.py",)),
    "libp2p": Door("libp2p", ("p2p/host.py", "p2p/yamux.py")),
    "mnemonic": Door("mnemonic", ("primitives/keys.py",)),
    "msgpack": Door("msgpack", ("p2p/messages.py", "storage/records.py")),
    "msgspec": Door("msgspec", ("primitives/records.py", "rpc/*.py")),
    "nacl": Door("pynacl", ("primitives/crypto.py",)),
    "plyvel": Door("plyvel", ("storage/leveldb.py",)),
    "prometheus_client": Door("prometheus-client", ("node/metrics.py",)),
    "sr25519": Door("py-sr25519-bindings", ("primitives/crypto.py",)),
    "trio": Door("trio", ("cli.py", "cli_*.py", "node/*.py", "p2p/*.py", "rpc/*.py")),
    "wsproto": Door("wsproto", ("rpc/websocket.py",)),
    "xxhash": Door("xxhash", ("primitives/crypto.py",)),
}
