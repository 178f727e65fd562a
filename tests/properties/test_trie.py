"""The state trie: updates against a trie built anew, roots against a second implementation."""

from hashlib import blake2b
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gongshe.storage.proofs import (
    ProofRefused,
    prove,
    prove_range,
    verify_proof,
    verify_range,
)
from gongshe.storage.trie import (
    Change,
    build_trie,
    ordered_root,
    trie_root,
    update,
)
from gongshe.storage.trie_nodes import EMPTY_ROOT, V0, V1, Layout, NodeMalformed, read_node

SHORT_KEYS = st.lists(st.sampled_from([0, 1, 16, 17, 255]), max_size=4).map(bytes)
LONG_KEYS = st.tuples(SHORT_KEYS, st.binary(max_size=2)).map(
    lambda parts: parts[0] + b"x" * 30 + parts[1]
)
KEYS = st.one_of(SHORT_KEYS, LONG_KEYS, st.binary(max_size=40))
VALUES = st.one_of(
    st.binary(max_size=4), st.binary(min_size=30, max_size=35), st.binary(min_size=60, max_size=70)
)
PAIRS = st.dictionaries(KEYS, VALUES, max_size=30)
LAYOUTS = st.sampled_from([V0, V1])


class Trie:
    """Branches and pairs in dictionaries: what the trie's functions read."""

    def __init__(self, pairs: dict[bytes, bytes], layout: Layout) -> None:
        self.pairs = dict(pairs)
        self.layout = layout
        self.nodes: dict[str, bytes | None] = {}
        self.root = build_trie(self.pairs.items(), layout, self.nodes)

    def leaf(self, path: str) -> tuple[bytes, bytes] | None:
        below = [key for key in self.pairs if key.hex().startswith(path)]
        return (min(below), self.pairs[min(below)]) if below else None

    def change(self, changes: dict[bytes, bytes | None]) -> None:
        listed: list[Change] = [
            (key, self.pairs.get(key), changes[key])
            for key in sorted(changes)
            if self.pairs.get(key) != changes[key]
        ]
        result = update(self.nodes.get, self.leaf, listed, self.layout)
        for path, record in result.nodes.items():
            assert result.replaced.get(path) == self.nodes.get(path)
            self.nodes.pop(path, None)
            if record is not None:
                self.nodes[path] = record
        for key, _, new in listed:
            self.pairs.pop(key, None)
            if new is not None:
                self.pairs[key] = new
        self.root = result.root


class Updates(RuleBasedStateMachine):
    """Updates one after another; branches and root must be those of a trie built anew."""

    @initialize(pairs=PAIRS, layout=LAYOUTS)
    def build(self, pairs: dict[bytes, bytes], layout: Layout) -> None:
        self.trie = Trie(pairs, layout)

    @rule(changes=st.dictionaries(KEYS, st.one_of(st.none(), VALUES), max_size=20))
    def change(self, changes: dict[bytes, bytes | None]) -> None:
        self.trie.change(changes)

    @rule(data=st.data())
    def change_present(self, data: st.DataObject) -> None:
        if self.trie.pairs:
            present = st.sampled_from(sorted(self.trie.pairs))
            self.trie.change(
                data.draw(st.dictionaries(present, st.one_of(st.none(), VALUES), max_size=10))
            )

    @invariant()
    def same_as_built_anew(self) -> None:
        nodes: dict[str, bytes | None] = {}
        root = build_trie(self.trie.pairs.items(), self.trie.layout, nodes)
        assert root == self.trie.root == naive_root(self.trie.pairs, self.trie.layout)
        assert nodes == self.trie.nodes


TestUpdates = Updates.TestCase
TestUpdates.settings = settings(max_examples=150, stateful_step_count=12, deadline=None)


@pytest.mark.parametrize("seed", range(4))
def test_many_changes_among_many_evenly_spread_keys(seed: int) -> None:
    """Accounts as a chain has them: full upper branches, all children hashed."""
    random = Random(seed)

    def account() -> bytes:
        return b"prefix of the map" + random.randbytes(16)

    trie = Trie({account(): random.randbytes(80) for _ in range(1500)}, V1)
    for changed, added, removed in [
        (900, 0, 0),
        (200, 30, 30),
        (1, 0, 0),
        (0, 0, 900),
        (0, 700, 0),
    ]:
        keys = random.sample(sorted(trie.pairs), changed + removed)
        changes: dict[bytes, bytes | None] = dict.fromkeys(keys[changed:])
        changes |= {key: random.randbytes(80) for key in keys[:changed]}
        changes |= {account(): random.randbytes(random.choice([1, 80])) for _ in range(added)}
        trie.change(changes)
        nodes: dict[str, bytes | None] = {}
        assert build_trie(trie.pairs.items(), V1, nodes) == trie.root
        assert nodes == trie.nodes


@given(st.lists(st.binary(max_size=40), max_size=200), LAYOUTS)
def test_ordered_root_is_that_of_the_numbered_items(items: list[bytes], layout: Layout) -> None:
    pairs = {naive_compact(number): item for number, item in enumerate(items)}
    assert ordered_root(items, layout) == naive_root(pairs, layout)


@given(PAIRS, st.lists(KEYS, max_size=6), st.data())
def test_read_proofs_show_values_and_absence(
    pairs: dict[bytes, bytes], strange: list[bytes], data: st.DataObject
) -> None:
    trie = Trie(pairs, V1)
    asked = strange
    if pairs:
        asked = strange + data.draw(st.lists(st.sampled_from(sorted(pairs)), max_size=4))
    proof = prove(trie.nodes.get, trie.leaf, trie.pairs.get, asked)
    assert verify_proof(trie.root, proof, asked) == {key: pairs.get(key) for key in asked}
    for left_out in range(len(proof)):
        rest = proof[:left_out] + proof[left_out + 1 :]
        assert_refused_or_same(trie, rest, asked)


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=8), KEYS, st.data())
def test_proofs_changed_at_any_byte_are_refused_or_say_the_same(
    pairs: dict[bytes, bytes], strange: bytes, data: st.DataObject
) -> None:
    trie = Trie(pairs, V1)
    asked = [strange, data.draw(st.sampled_from(sorted(pairs)))]
    proof = prove(trie.nodes.get, trie.leaf, trie.pairs.get, asked)
    flip = data.draw(st.integers(1, 255))
    for number, part in enumerate(proof):
        for at in range(len(part)):
            changed = part[:at] + bytes((part[at] ^ flip,)) + part[at + 1 :]
            assert_refused_or_same(trie, [*proof[:number], changed, *proof[number + 1 :]], asked)


@given(PAIRS, KEYS, st.integers(0, 400))
def test_range_proofs_leave_nothing_out(
    pairs: dict[bytes, bytes], start: bytes, limit: int
) -> None:
    trie = Trie(pairs, V1)
    collected: list[tuple[bytes, bytes]] = []
    expected = sorted(pair for pair in pairs.items() if pair[0] >= start)
    cursor = start
    while True:
        ahead = iter([pair for pair in expected if pair[0] >= cursor])
        proof = prove_range(trie.nodes.get, trie.leaf, ahead, cursor, limit)
        read = verify_range(trie.root, proof.nodes, cursor)
        assert read.pairs[: len(proof.pairs)] == proof.pairs
        collected += read.pairs
        if read.complete:
            break
        cursor = read.pairs[-1][0] + b"\x00"
    assert collected == expected


@given(PAIRS, KEYS, st.data())
def test_range_proofs_with_parts_missing_show_less_or_are_refused(
    pairs: dict[bytes, bytes], start: bytes, data: st.DataObject
) -> None:
    trie = Trie(pairs, V1)
    expected = sorted(pair for pair in pairs.items() if pair[0] >= start)
    nodes = prove_range(trie.nodes.get, trie.leaf, iter(expected), start, 1 << 20).nodes
    kept = [node for node in nodes if data.draw(st.booleans())]
    try:
        read = verify_range(trie.root, kept, start)
    except ProofRefused:
        return
    assert read.pairs == expected[: len(read.pairs)]
    if read.complete:
        assert read.pairs == expected


@given(st.binary(max_size=200))
@example(b"")
@example(b"\x00")
@example(b"\x80\x01")
@example(b"\x7f" + b"\xff" * 150)
def test_any_bytes_are_a_node_or_refused(raw: bytes) -> None:
    try:
        read_node(raw)
    except NodeMalformed:
        return


def assert_refused_or_same(trie: Trie, proof: list[bytes], asked: list[bytes]) -> None:
    for key in asked:
        try:
            shown = verify_proof(trie.root, proof, [key])
        except ProofRefused:
            continue
        assert shown == {key: trie.pairs.get(key)}


def test_the_empty_trie_proves_absence() -> None:
    trie = Trie({}, V1)
    assert trie.root == EMPTY_ROOT == blake2b(b"\x00", digest_size=32).digest()
    assert verify_proof(EMPTY_ROOT, [], [b"key"]) == {b"key": None}
    assert verify_range(EMPTY_ROOT, [], b"").complete


def test_a_range_proof_of_nothing_is_refused() -> None:
    with pytest.raises(ProofRefused):
        verify_range(trie_root([(b"a", b"b")]), [], b"")


def naive_root(pairs: dict[bytes, bytes], layout: Layout) -> bytes:
    """The root as chapter 2 of the Polkadot specification defines it, by plain recursion."""
    if not pairs:
        return naive_hash(b"\x00")
    nibbles = {
        tuple(nibble for byte in key for nibble in (byte >> 4, byte & 15)): value
        for key, value in pairs.items()
    }
    return naive_hash(naive_node(nibbles, layout))


def naive_node(pairs: dict[tuple[int, ...], bytes], layout: Layout) -> bytes:
    """The encoding of the node over these nibble keys."""
    paths = sorted(pairs)
    shared = 0
    while all(len(path) > shared and path[shared] == paths[0][shared] for path in paths):
        shared += 1
    partial = paths[0][:shared]
    own = pairs.get(partial)
    children: list[bytes] = []
    bitmap = 0
    for nibble in range(16):
        below = {
            path[shared + 1 :]: value
            for path, value in pairs.items()
            if len(path) > shared and path[shared] == nibble
        }
        if below:
            bitmap |= 1 << nibble
            node = naive_node(below, layout)
            merkle_value = node if len(node) < 32 else naive_hash(node)
            children.append(naive_compact(len(merkle_value)) + merkle_value)
    hashed = layout == V1 and own is not None and len(own) >= 33
    if not bitmap:
        prefix, bits = (0b001, 3) if hashed else (0b01, 2)
    elif own is None:
        prefix, bits = 0b10, 2
    else:
        prefix, bits = (0b0001, 4) if hashed else (0b11, 2)
    encoded = naive_header(prefix, bits, len(partial)) + naive_packed(partial)
    if bitmap:
        encoded += bytes((bitmap & 255, bitmap >> 8))
    if own is not None:
        encoded += naive_hash(own) if hashed else naive_compact(len(own)) + own
    return encoded + b"".join(children)


def naive_header(prefix: int, bits: int, length: int) -> bytes:
    room = 2 ** (8 - bits) - 1
    header = [(prefix << (8 - bits)) + min(length, room)]
    length -= room
    while length >= 0:
        header.append(min(length, 255))
        length -= 255
    return bytes(header)


def naive_packed(nibbles: tuple[int, ...]) -> bytes:
    padded = (0, *nibbles) if len(nibbles) % 2 else nibbles
    return bytes(padded[at] * 16 + padded[at + 1] for at in range(0, len(padded), 2))


def naive_compact(number: int) -> bytes:
    if number < 64:
        return bytes((number * 4,))
    if number < 2**14:
        return (number * 4 + 1).to_bytes(2, "little")
    return (number * 4 + 2).to_bytes(4, "little")


def naive_hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()
