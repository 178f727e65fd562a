"""The off-chain local storage.

It lives in memory and ends with the node: nothing on this chain reads it yet.
"""

from __future__ import annotations

from typing import Literal

from gongshe.rpc.errors import UNAVAILABLE, RpcError, reasons
from gongshe.rpc.limits import Limits

Kind = Literal["PERSISTENT", "LOCAL"]


class OffchainStorage:
    """Values by kind and key, bounded in number and bytes."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, bytes], bytes] = {}
        self._bytes = 0

    def get(self, kind: Kind, key: bytes) -> bytes | None:
        """Return a value."""
        return self._values.get((kind, key))

    def set(self, kind: Kind, key: bytes, value: bytes, limits: Limits) -> None:
        """Store a value if there is room."""
        old = self._values.get((kind, key))
        grown = self._bytes + len(value) + (len(key) if old is None else -len(old))
        count = len(self._values) + (old is None)
        if grown > limits.offchain_bytes or count > limits.offchain_entries:
            raise RpcError(
                UNAVAILABLE,
                "The off-chain storage is full",
                reasons(
                    "Full",
                    expected=f"at most {limits.offchain_entries} values,"
                    f" {limits.offchain_bytes} bytes",
                    hint="clear values that are not needed",
                ),
            )
        self._values[kind, key] = value
        self._bytes = grown

    def clear(self, kind: Kind, key: bytes) -> None:
        """Remove a value."""
        old = self._values.pop((kind, key), None)
        if old is not None:
            self._bytes -= len(key) + len(old)
