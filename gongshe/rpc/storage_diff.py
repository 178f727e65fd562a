"""What differs between two states, under some prefixes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.records import Record
from gongshe.rpc.backend import StateReader
from gongshe.rpc.values import Hex, hexadecimal


class DiffQuery(Record, rename="camel", forbid_unknown_fields=True):
    """A prefix, and whether values or their hashes are wanted."""

    key: Hex
    return_type: Literal["value", "hash"]
    child_trie_key: Hex | None = None


class Difference(Record):
    """A key that was added, modified or deleted, with its new value (the old one if deleted)."""

    key: bytes
    kind: Literal["added", "modified", "deleted"]
    value: bytes
    hashed: bool

    def to_json(self) -> dict[str, str | None]:
        """Return it as clients read it."""
        shown = hexadecimal(blake2_256(self.value) if self.hashed else self.value)
        return {
            "key": hexadecimal(self.key),
            "hash" if self.hashed else "value": shown,
            "type": self.kind,
            "childTrieKey": None,
        }


def compare(
    before: StateReader, after: StateReader, queries: list[DiffQuery], reads: int
) -> Iterator[Difference]:
    """Yield the differences, prefix by prefix, in key order; ValueError after too many reads."""
    left = reads
    for query in queries:
        if query.child_trie_key is not None:
            continue
        old, new = before.pairs(query.key), after.pairs(query.key)
        was, now = next(old, None), next(new, None)
        while was is not None or now is not None:
            left -= 1
            if left < 0:
                raise ValueError(f"more than {reads} entries; ask for a longer prefix")
            if now is None or (was is not None and was[0] < now[0]):
                assert was is not None
                yield Difference(was[0], "deleted", was[1], query.return_type == "hash")
                was = next(old, None)
            elif was is None or now[0] < was[0]:
                yield Difference(now[0], "added", now[1], query.return_type == "hash")
                now = next(new, None)
            else:
                if was[1] != now[1]:
                    yield Difference(now[0], "modified", now[1], query.return_type == "hash")
                was, now = next(old, None), next(new, None)
