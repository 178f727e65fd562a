"""Proofs over the state trie: read proofs as `state_getReadProof` gives them, and range proofs.

A proof is a set of encoded nodes and of long values, each found by its hash. Verification starts
from a trusted root and never believes more than the hashes say: a key is proven to have a value,
proven absent, or the proof is refused with a reason.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from gongshe.primitives.scale import read_compact
from gongshe.storage.trie import ReadLeaf, ReadNode
from gongshe.storage.trie_nodes import (
    DIGITS,
    EMPTY_ROOT,
    HASHED_ENTRY,
    NIBBLE,
    V1,
    Branch,
    Node,
    NodeMalformed,
    Value,
    encode_leaf,
    hash_256,
    node_value,
    read_node,
)

MOST_VISITS = 1 << 20
"""Nodes entered while verifying one range: a few nodes that name each other many times over must
not cost more than a very large honest answer."""


class ProofRefused(ValueError):
    """The proof does not show what it should; the message says what is wrong with it."""


class ProofIncomplete(ProofRefused):
    """A node or a value that is needed is not part of the proof."""


class ProofMalformed(ProofRefused):
    """A part of the proof has the right hash but is not a trie node."""


class RangeProof(NamedTuple):
    """Nodes that prove the pairs from a start key on, without a gap."""

    nodes: list[bytes]
    pairs: list[tuple[bytes, bytes]]
    complete: bool
    """Whether the last pair is the last of the state."""


class RangeRead(NamedTuple):
    """What a range proof shows: every pair from the start key up to the last one here."""

    pairs: list[tuple[bytes, bytes]]
    complete: bool
    """Whether nothing comes after them; if not, ask again from the last key ++ 0x00."""


def prove(
    nodes: ReadNode,
    leaves: ReadLeaf,
    values: Callable[[bytes], bytes | None],
    keys: Iterable[bytes],
) -> list[bytes]:
    """Return the nodes met while reading these keys, sorted, each once."""
    found: set[bytes] = set()
    for key in keys:
        found.update(_proof_of(nodes, leaves, values, key))
    return sorted(found)


def verify_proof(
    root: bytes, nodes: Iterable[bytes], keys: Iterable[bytes]
) -> dict[bytes, bytes | None]:
    """Read keys from a proof: each key's value, or None where absence is proven."""
    parts = {hash_256(node): node for node in nodes}
    return {key: _read_proven(root, parts, key) for key in keys}


def prove_range(
    nodes: ReadNode,
    leaves: ReadLeaf,
    pairs: Iterator[tuple[bytes, bytes]],
    start: bytes,
    limit_bytes: int,
) -> RangeProof:
    """Return pairs from `start` on until the proof reaches a size (at least one), with the proof.

    `pairs` yields the pairs of the same state from `start` on, in key order.
    """
    walk = _RangeProver(nodes, leaves, pairs, start, limit_bytes)
    record = nodes("")
    if record is not None:
        complete = walk.branch("", record)
    elif leaves("") is None:
        return RangeProof([b"\x00"], [], True)
    else:
        complete = walk.leaf("")
    return RangeProof(list(walk.found), walk.taken, complete)


def verify_range(root: bytes, nodes: Iterable[bytes], start: bytes) -> RangeRead:
    """Return every pair from `start` on that the proof shows without a gap.

    Refuses a proof that neither shows a pair nor that there is none.
    """
    if root == EMPTY_ROOT:
        return RangeRead([], True)
    pairs: list[tuple[bytes, bytes]] = []
    try:
        for pair in _walk_range(root, {hash_256(node): node for node in nodes}, start.hex()):
            pairs.append(pair)  # noqa: PERF402 - what was read before a gap must be kept
    except ProofIncomplete:
        if not pairs:
            raise
        return RangeRead(pairs, False)
    return RangeRead(pairs, True)


def _walk_range(
    root: bytes, parts: dict[bytes, bytes], start: str
) -> Iterator[tuple[bytes, bytes]]:
    """Yield the pairs from a path on, in order, until a part is missing."""
    waiting: list[tuple[str, bytes]] = [("", b"\x80" + root)]
    visits = 0
    while waiting:
        visits += 1
        if visits > MOST_VISITS:
            raise ProofMalformed(f"the range proof enters more than {MOST_VISITS} nodes")
        path, entry = waiting.pop()
        if path < start[: len(path)]:
            continue
        node = _open_entry(entry, parts)
        full = path + node.partial
        if node.value is not None and full >= start:
            yield _whole_key(full), _open_value(node.value, parts)
        if node.children is not None:
            waiting += [
                (full + DIGITS[number], child)
                for number in range(15, -1, -1)
                if (child := node.children[number]) is not None
            ]


def _proof_of(
    nodes: ReadNode, leaves: ReadLeaf, values: Callable[[bytes], bytes | None], key: bytes
) -> Iterator[bytes]:
    """Yield the nodes from the root towards a key, and its value if nodes hold only its hash."""
    wanted = key.hex()
    path = ""
    record = nodes(path)
    while record is not None:
        if not path or len(record) - 2 >= 32:
            yield record[2:]
        branch = Branch.decode(record)
        full = path + branch.partial
        if wanted == full and branch.value is not None and branch.value[0]:
            yield _present(values(key), key)
        if len(wanted) <= len(full) or not wanted.startswith(full):
            return
        number = NIBBLE[wanted[len(full)]]
        path = full + DIGITS[number]
        if branch.children[number] is None:
            return
        if branch.leaves >> number & 1:
            break
        record = _expected(nodes(path), path)
    yield from _leaf_parts(leaves(path), path, key)


def _leaf_parts(pair: tuple[bytes, bytes] | None, path: str, key: bytes) -> Iterator[bytes]:
    """Yield the leaf at a path unless its parent holds it whole, and its long value if asked."""
    if pair is None:
        yield b"\x00"
        return
    value = node_value(pair[1], V1)
    encoded = encode_leaf(pair[0], len(path), value)
    if not path or len(encoded) >= 32:
        yield encoded
    if value[0] and pair[0] == key:
        yield pair[1]


def _read_proven(root: bytes, parts: dict[bytes, bytes], key: bytes) -> bytes | None:
    """Read one key from the parts of a proof."""
    if root == EMPTY_ROOT:
        return None
    rest = key.hex()
    entry = b"\x80" + root
    while True:
        node = _open_entry(entry, parts)
        if not rest.startswith(node.partial):
            return None
        if len(rest) == len(node.partial):
            return None if node.value is None else _open_value(node.value, parts)
        if node.children is None:
            return None
        child = node.children[NIBBLE[rest[len(node.partial)]]]
        if child is None:
            return None
        rest = rest[len(node.partial) + 1 :]
        entry = child


def _open_entry(entry: bytes, parts: dict[bytes, bytes]) -> Node:
    """Return the node behind an entry."""
    raw: bytes | None = entry[1:]
    if len(entry) == HASHED_ENTRY:
        raw = parts.get(entry[1:])
        if raw is None:
            raise ProofIncomplete(f"the node {entry[1:].hex()} is not part of the proof")
    assert raw is not None
    try:
        return read_node(raw)
    except NodeMalformed as error:
        raise ProofMalformed(f"a part of the proof is not a node: {error}") from error


def _open_value(value: Value, parts: dict[bytes, bytes]) -> bytes:
    """Return the whole value that a node holds or names."""
    hashed, held = value
    if not hashed:
        return held[read_compact(held, 0)[1] :]
    whole = parts.get(held)
    if whole is None:
        raise ProofIncomplete(f"the value {held.hex()} is not part of the proof")
    return whole


def _whole_key(path: str) -> bytes:
    if len(path) & 1:
        raise ProofMalformed(f"a value stands at path {path}, which is not a whole key")
    return bytes.fromhex(path)


def _expected(record: bytes | None, path: str) -> bytes:
    if record is None:
        raise NodeMalformed(f"the branch at path {path} was expected and is missing")
    return record


def _present(value: bytes | None, key: bytes) -> bytes:
    if value is None:
        raise NodeMalformed(f"the value of key {key.hex()} was expected and is missing")
    return value


class _RangeProver:
    """Walks the trie and the ordered pairs side by side, collecting nodes up to a size."""

    def __init__(
        self,
        nodes: ReadNode,
        leaves: ReadLeaf,
        pairs: Iterator[tuple[bytes, bytes]],
        start: bytes,
        limit_bytes: int,
    ) -> None:
        self.nodes = nodes
        self.leaves = leaves
        self.pairs = pairs
        self.start = start
        self.from_path = start.hex()
        self.room = limit_bytes
        self.found: dict[bytes, None] = {}
        self.taken: list[tuple[bytes, bytes]] = []

    def branch(self, path: str, record: bytes) -> bool:
        """Collect a branch and what is below it; return whether there was room for all."""
        if not path or len(record) - 2 >= 32:
            self.collect(record[2:])
        branch = Branch.decode(record)
        full = path + branch.partial
        if branch.value is not None and full >= self.from_path:
            self.take(branch.value[0])
        for number in range(16):
            child = full + DIGITS[number]
            if branch.children[number] is None or child < self.from_path[: len(child)]:
                continue
            if self.room <= 0 and self.taken:
                return False
            if branch.leaves >> number & 1:
                self.leaf(child)
                continue
            if not self.branch(child, _expected(self.nodes(child), child)):
                return False
        return True

    def leaf(self, path: str) -> bool:
        """Collect the leaf at a path; one below the start is needed, its value is not."""
        pair = self.leaves(path) if self.from_path.startswith(path) else None
        if pair is None or pair[0] >= self.start:
            pair = self.take(None)
        value = node_value(pair[1], V1)
        encoded = encode_leaf(pair[0], len(path), value)
        if not path or len(encoded) >= 32:
            self.collect(encoded)
        if value[0] and pair[0] >= self.start:
            self.collect(pair[1])
        return True

    def take(self, hashed: bool | None) -> tuple[bytes, bytes]:
        """Take the next pair of the state; a branch's own long value is collected at once."""
        pair = next(self.pairs, None)
        if pair is None:
            raise NodeMalformed("the trie has more keys than the state")
        self.taken.append(pair)
        if hashed:
            self.collect(pair[1])
        return pair

    def collect(self, part: bytes) -> None:
        """Put a node or a value into the proof."""
        if part not in self.found:
            self.found[part] = None
            self.room -= len(part)
