"""The base-16 state trie: its root after changes, and which branches changed.

`update` is a pure function over the branches of the parent state, named by the path that leads to
them, and the parent's pairs. It visits each dirty branch once, in key order. A branch whose set of
children stays is not taken apart: the new hashes are written into a copy of its bytes. Only where
a key appears or disappears is a branch decoded, split, merged or folded into its only child.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from gongshe.primitives.scale import compact
from gongshe.storage.trie_nodes import (
    BIT,
    BRANCH,
    DIGITS,
    EMPTY_ROOT,
    HASHED_ENTRY,
    NIBBLE,
    V0,
    V1,
    Branch,
    Layout,
    NodeMalformed,
    Value,
    encode_branch,
    encode_leaf,
    entry_of,
    hash_256,
    leaf_with,
    node_value,
    root_of,
)

ReadNode = Callable[[str], bytes | None]
"""Gives the record of the branch at a path, None where there is none."""

ReadLeaf = Callable[[str], tuple[bytes, bytes] | None]
"""Gives the first pair whose key begins with these nibbles, None where there is none."""


Change = tuple[bytes, bytes | None, bytes | None]
"""A key, its old value and its new one; None stands for absent, and the two differ."""


class TrieChange(NamedTuple):
    """What an update comes to: the root, and the records of the changed branches by path."""

    root: bytes
    nodes: dict[str, bytes | None]
    """New records; None where a branch went."""
    replaced: dict[str, bytes]
    """Old records of the paths in `nodes`; a path that had none is missing."""


class Leaf(NamedTuple):
    """A key with its value as its node holds it."""

    path: str
    key: bytes
    value: Value


FEW = 16
"""Changes among which a group's end is looked for one by one; among more, by bisection."""

OFFSET = tuple(5 + HASHED_ENTRY * below.bit_count() for below in range(1 << 15))
"""Where a child's entry begins in a record without partial key, by the children before it."""

Outcome = tuple[bytes, Leaf | None]
"""What stands at a path after its changes: an entry, and the leaf if it is one."""


def update(
    read_node: ReadNode, read_leaf: ReadLeaf, changes: Sequence[Change], layout: Layout = V1
) -> TrieChange:
    """Apply changes, sorted by key without repetition, to the trie that the readers show."""
    work = _Update(read_node, read_leaf, changes, layout)
    record = read_node("")
    if not changes:
        outcome = work.untouched(record)
    elif record is not None:
        work.replaced[""] = record
        outcome = work.visit("", record, 0, len(changes))
    else:
        leaf = read_leaf("")
        outcome = work.grow("", leaf is not None, 0, len(changes))
    root = EMPTY_ROOT if outcome is None else root_of(outcome[0])
    return TrieChange(root, work.nodes, work.replaced)


def trie_root(items: Iterable[tuple[bytes, bytes]], layout: Layout = V1) -> bytes:
    """Return the root of the trie that holds exactly these pairs (keys without repetition)."""
    return build_trie(items, layout, None)


def build_trie(
    items: Iterable[tuple[bytes, bytes]], layout: Layout, nodes: dict[str, bytes | None] | None
) -> bytes:
    """Return the root over these pairs, filling `nodes` with the records of the branches."""
    leaves = [Leaf(key.hex(), key, node_value(value, layout)) for key, value in sorted(items)]
    if not leaves:
        return EMPTY_ROOT
    return root_of(_build(leaves, 0, len(leaves), 0, nodes))


def ordered_root(items: Sequence[bytes], layout: Layout = V0) -> bytes:
    """Return the root over compact(index) -> item, as a header holds it for its extrinsics."""
    return trie_root(((compact(index), item) for index, item in enumerate(items)), layout)


class _Update:
    """One update at work; holds the sorted changes and collects the changed records."""

    def __init__(
        self, read_node: ReadNode, read_leaf: ReadLeaf, changes: Sequence[Change], layout: Layout
    ) -> None:
        self.read_node = read_node
        self.read_leaf = read_leaf
        self.changes = changes
        self.paths = [change[0].hex() for change in changes]
        self.layout = layout
        self.nodes: dict[str, bytes | None] = {}
        self.replaced: dict[str, bytes] = {}

    def untouched(self, record: bytes | None) -> Outcome | None:
        """Return what stands at the root when nothing changes."""
        if record is not None:
            return entry_of(record[2:]), None
        pair = self.read_leaf("")
        if pair is None:
            return None
        return entry_of(encode_leaf(pair[0], 0, node_value(pair[1], self.layout))), None

    def visit(self, path: str, record: bytes, first: int, last: int) -> Outcome | None:
        """Apply changes[first:last], all below `path`, to the branch recorded there.

        The quick way: no partial key, no value, all children hashed, and no child comes or goes.
        Whatever else is met on the way hands over to `reshape` with the work done so far.
        """
        depth = len(path)
        paths = self.paths
        bitmap = record[3] | record[4] << 8
        if (
            record[2] != BRANCH
            or len(record) != 5 + HASHED_ENTRY * bitmap.bit_count()
            or len(paths[first]) == depth
        ):
            return self.reshape(path, Branch.decode(record), (first, first, last), {})
        leaves = record[0] | record[1] << 8
        fresh = bytearray(record)
        at = first
        while at < last:
            digit = paths[at][depth]
            end = at + 1
            if last - at > FEW:
                end = bisect_left(paths, path + digit + "g", end, last)
            while end < last and paths[end][depth] == digit:
                end += 1
            bit = BIT[digit]
            if leaves & bit:
                key, old, new = self.changes[at]
                if old is None or new is None or end - at > 1:
                    break
                entry = leaf_with(key, depth + 1, new, self.layout)
                if len(entry) != HASHED_ENTRY:
                    break
            elif bitmap & bit:
                below = self.enter(path + digit, at, end)
                if below is None or below[1] is not None or len(below[0]) != HASHED_ENTRY:
                    branch = Branch.decode(bytes(fresh))
                    made = _place(branch, NIBBLE[digit], below)
                    return self.reshape(path, branch, (first, end, last), made)
                entry = below[0]
            else:
                break
            offset = OFFSET[bitmap & bit - 1]
            fresh[offset : offset + HASHED_ENTRY] = entry
            at = end
        else:
            self.nodes[path] = done = bytes(fresh)
            return b"\x80" + hash_256(done[2:]), None
        return self.reshape(path, Branch.decode(bytes(fresh)), (first, at, last), {})

    def enter(self, path: str, first: int, last: int) -> Outcome | None:
        """Visit the branch that the parent state has at this path."""
        record = self.read_node(path)
        if record is None:
            raise NodeMalformed(f"the branch at path {path} was expected and is missing")
        self.replaced[path] = record
        return self.visit(path, record, first, last)

    def reshape(
        self, path: str, branch: Branch, span: tuple[int, int, int], made: dict[int, Leaf]
    ) -> Outcome | None:
        """Apply changes to a decoded branch: all of the span, of which the first part is done.

        The span is (first, next to do, end); `made` has the leaves among the children that the
        part already done has left.
        """
        first, at, last = span
        paths = self.paths
        full = path + branch.partial
        if not (paths[first].startswith(full) and paths[last - 1].startswith(full)):
            return self.split(path, branch, first, last)
        depth = len(full)
        if at == first and len(paths[at]) == depth:
            branch.value = self.value_at(at)
            at += 1
        while at < last:
            digit, end = self.group(at, last, depth)
            number = NIBBLE[digit]
            child = full + digit
            leaf = bool(branch.leaves >> number & 1)
            if leaf or branch.children[number] is None:
                below = self.grow(child, leaf, at, end)
            else:
                below = self.enter(child, at, end)
            made |= _place(branch, number, below)
            at = end
        return self.settle(path, branch, (first, last), made)

    def split(self, path: str, branch: Branch, first: int, last: int) -> Outcome | None:
        """Put a new branch where keys leave the partial key of the old one, which moves down."""
        full = path + branch.partial
        shared = min(_shared(full, self.paths[first]), _shared(full, self.paths[last - 1]))
        child = full[: shared + 1]
        upper = Branch(full[len(path) : shared], None, [None] * 16, 0)
        lower = Branch(full[shared + 1 :], branch.value, branch.children, branch.leaves)
        below: Outcome | None = self._store(child, lower)
        made: dict[int, Leaf] = {}
        at = first
        if len(self.paths[at]) == shared:
            upper.value = self.value_at(at)
            at += 1
        while at < last:
            digit, end = self.group(at, last, shared)
            if digit == child[-1]:
                below = self.reshape(child, lower, (at, at, end), {})
            else:
                grown = self.grow(full[:shared] + digit, False, at, end)
                made |= _place(upper, NIBBLE[digit], grown)
            at = end
        made |= _place(upper, NIBBLE[child[-1]], below)
        return self.settle(path, upper, (first, last), made)

    def grow(self, path: str, occupied: bool, first: int, last: int) -> Outcome | None:
        """Apply changes where there is no branch: nothing yet, or a single leaf."""
        leaves = [
            Leaf(self.paths[at], self.changes[at][0], node_value(new, self.layout))
            for at in range(first, last)
            if (new := self.changes[at][2]) is not None
        ]
        if occupied and all(self.changes[at][1] is None for at in range(first, last)):
            leaves.append(self.find_leaf(path))
            leaves.sort()
        if not leaves:
            return None
        entry = _build(leaves, 0, len(leaves), len(path), self.nodes)
        return entry, leaves[0] if len(leaves) == 1 else None

    def settle(
        self, path: str, branch: Branch, span: tuple[int, int], made: dict[int, Leaf]
    ) -> Outcome | None:
        """Keep the branch, or fold it into what is left when that is a single thing."""
        present = [number for number in range(16) if branch.children[number] is not None]
        full = path + branch.partial
        if len(present) > 1 or (present and branch.value is not None):
            return self._store(path, branch)
        self.nodes[path] = None
        if not present:
            if branch.value is None:
                return None
            return self._leaf(path, Leaf(full, bytes.fromhex(full), branch.value))
        number = present[0]
        child = full + DIGITS[number]
        if branch.leaves >> number & 1:
            return self._leaf(path, made.get(number) or self.survivor(child, *span))
        record = self.nodes.get(child)
        if record is None:
            record = self.read_node(child)
            if record is None:
                raise NodeMalformed(f"the branch at path {child} was expected and is missing")
            self.replaced[child] = record
        self.nodes[child] = None
        below = Branch.decode(record)
        below.partial = child[len(path) :] + below.partial
        return self._store(path, below)

    def survivor(self, path: str, first: int, last: int) -> Leaf:
        """Return the only leaf left below a path: one changed in place, or one not touched."""
        for at in range(first, last):
            new = self.changes[at][2]
            if new is not None and self.paths[at].startswith(path):
                return Leaf(self.paths[at], self.changes[at][0], node_value(new, self.layout))
        return self.find_leaf(path)

    def group(self, at: int, last: int, depth: int) -> tuple[str, int]:
        """Return the nibble of change `at` at a depth, and the end of the changes that share it."""
        paths = self.paths
        digit = paths[at][depth]
        end = at + 1
        while end < last and paths[end][depth] == digit:
            end += 1
        return digit, end

    def value_at(self, at: int) -> Value | None:
        """Return the new value of a change as its node holds it."""
        new = self.changes[at][2]
        return None if new is None else node_value(new, self.layout)

    def find_leaf(self, path: str) -> Leaf:
        """Return the leaf that the parent state has below a path."""
        pair = self.read_leaf(path)
        if pair is None:
            raise NodeMalformed(f"a leaf below path {path} was expected and is missing")
        return Leaf(pair[0].hex(), pair[0], node_value(pair[1], self.layout))

    def _store(self, path: str, branch: Branch) -> Outcome:
        record = branch.record()
        self.nodes[path] = record
        return entry_of(record[2:]), None

    def _leaf(self, path: str, leaf: Leaf) -> Outcome:
        return entry_of(encode_leaf(leaf.key, len(path), leaf.value)), leaf


def _place(branch: Branch, number: int, below: Outcome | None) -> dict[int, Leaf]:
    """Put what stands below a branch into its place; return it by number if it is a leaf."""
    bit = 1 << number
    if below is None:
        branch.children[number] = None
        branch.leaves &= ~bit
        return {}
    branch.children[number], leaf = below
    if leaf is None:
        branch.leaves &= ~bit
        return {}
    branch.leaves |= bit
    return {number: leaf}


def _build(
    leaves: list[Leaf], first: int, last: int, depth: int, nodes: dict[str, bytes | None] | None
) -> bytes:
    """Return the entry of the trie over leaves[first:last], which share `depth` nibbles."""
    path, key, value = leaves[first]
    if last - first == 1:
        return entry_of(encode_leaf(key, depth, value))
    shared = _shared(path, leaves[last - 1].path, depth)
    own = None
    at = first
    if len(path) == shared:
        own = value
        at += 1
    children: list[bytes | None] = [None] * 16
    mask = 0
    while at < last:
        digit = leaves[at].path[shared]
        end = at + 1
        while end < last and leaves[end].path[shared] == digit:
            end += 1
        number = NIBBLE[digit]
        children[number] = _build(leaves, at, end, shared + 1, nodes)
        if end - at == 1:
            mask |= 1 << number
        at = end
    encoded = encode_branch(path[depth:shared], own, children)
    if nodes is not None:
        nodes[path[:depth]] = mask.to_bytes(2, "little") + encoded
    return entry_of(encoded)


def _shared(one: str, other: str, start: int = 0) -> int:
    """Return how many leading nibbles two paths share; the first `start` are known to agree."""
    most = min(len(one), len(other))
    while start < most and one[start] == other[start]:
        start += 1
    return start
