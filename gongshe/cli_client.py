"""A small JSON-RPC client over the standard library, for commands that ask a running node."""

from __future__ import annotations

import http.client
import itertools
import json
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from gongshe.cli_output import REFUSED, UNREACHABLE, Failed
from gongshe.runtime.assembly import Assembly
from gongshe.runtime.versions import SHIPPED

DEFAULT_URL = "http://127.0.0.1:9944"
TIMEOUT_SECONDS = 30.0
"""The slowest read of a healthy node, a full block on a slow disk, takes a few."""

MAX_ANSWER_BYTES = 64 << 20
"""Four times what a node answers at most."""

F = TypeVar("F", bound=Callable[..., Any])


def url_option(command: F) -> F:
    """Add `--url` to a command: the node to ask."""
    return click.option(
        "--url",
        default=DEFAULT_URL,
        show_default=True,
        envvar="GONGSHE_URL",
        help="The node to ask, http:// or ws://.",
    )(command)


def at_option(command: F) -> F:
    """Add `--at` to a command: the block to look at."""
    return click.option(
        "--at", default="best", show_default=True, help="best, finalized, a number or a hash."
    )(command)


class NodeClient:
    """A connection to one node, kept open between questions."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url if "//" in url else f"//{url}")
        if parts.scheme not in {"", "http", "ws", "https", "wss"} or not parts.hostname:
            raise Failed(f"--url: expected http://host:port or ws://host:port, found {url!r}")
        secure = parts.scheme in {"https", "wss"}
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        port = parts.port or (443 if secure else 9944)
        self._connection = kind(parts.hostname, port, timeout=TIMEOUT_SECONDS)
        self._path = parts.path or "/"
        self._url = url
        self._numbers = itertools.count(1)

    def ask(self, method: str, *parameters: Any) -> Any:
        """Return the result of a method; Failed if nobody answers or the node refuses."""
        body = {"jsonrpc": "2.0", "id": next(self._numbers), "method": method, "params": parameters}
        document = self._post(json.dumps(body))
        if isinstance(document, dict) and "result" in document:
            return document["result"]
        error = document.get("error") if isinstance(document, dict) else None
        if not isinstance(error, dict):
            raise Failed(f"{self._url} does not speak JSON-RPC", exit_code=UNREACHABLE)
        data = error.get("data")
        hint = str(data.get("hint", "")) if isinstance(data, dict) else ""
        raise Failed(
            f"{method}: {error.get('message')}",
            hint,
            REFUSED,
            data if isinstance(data, dict) else None,
        )

    def _post(self, body: str) -> Any:
        try:
            self._connection.request("POST", self._path, body, {"content-type": "application/json"})
            response = self._connection.getresponse()
            raw = response.read(MAX_ANSWER_BYTES + 1)
        except (OSError, http.client.HTTPException) as fault:
            self._connection.close()
            raise Failed(
                f"no node answers at {self._url} ({fault})",
                "start one with `gongshe dev`, or say where it is with --url",
                UNREACHABLE,
            ) from None
        if len(raw) > MAX_ANSWER_BYTES:
            raise Failed(f"the node's answer is longer than {MAX_ANSWER_BYTES} bytes")
        try:
            return json.loads(raw)
        except ValueError:
            raise Failed(
                f"{self._url} answered HTTP {response.status} and no JSON: {raw[:80]!r}",
                "is this the RPC port of a gongshe node?",
                UNREACHABLE,
            ) from None

    def block_hash(self, block: str) -> str:
        """Return the hash of the block that `best`, `finalized`, a number or a hash means."""
        if block == "best":
            return str(self.ask("chain_getBlockHash"))
        if block == "finalized":
            return str(self.ask("chain_getFinalizedHead"))
        if block.startswith("0x") and len(block) == 66:
            return block
        if not block.isdigit():
            raise Failed(f"block: expected best, finalized, a number or a hash, found {block!r}")
        found = self.ask("chain_getBlockHash", int(block))
        if found is None:
            best = int(self.ask("chain_getHeader")["number"], 16)
            raise Failed(f"there is no block {block} yet: the best one is {best}")
        return str(found)

    def header(self, block_hash: str) -> dict[str, Any]:
        """Return the header of a block, as JSON-RPC has it."""
        header = self.ask("chain_getHeader", block_hash)
        if header is None:
            raise Failed(f"the node knows no block {block_hash}")
        return dict(header)

    def rules_for_children(self, block_hash: str) -> Assembly:
        """Return the rules under which the next block after this one is executed."""
        version = self.ask("state_getRuntimeVersion", block_hash)["specVersion"]
        rules = SHIPPED.get(version)
        if rules is None:
            raise Failed(
                f"the node's chain runs spec version {version}, this program ships "
                f"{', '.join(map(str, SHIPPED))}",
                "use the gongshe that belongs to the node",
            )
        return rules

    def rules_of(self, block_hash: str) -> Assembly:
        """Return the rules under which a block was executed; they wrote its state and events."""
        header = self.header(block_hash)
        is_genesis = int(header["number"], 16) == 0
        return self.rules_for_children(block_hash if is_genesis else header["parentHash"])

    def value(self, key: bytes, block_hash: str) -> bytes | None:
        """Return the value stored under a key after a block."""
        found = self.ask("state_getStorage", f"0x{key.hex()}", block_hash)
        return None if found is None else bytes.fromhex(found[2:])
