"""The node format against published examples (the tests of Substrate's `sp-trie`)."""

from hashlib import blake2b

import pytest

from gongshe.storage.keyspace import PREFIXES, past_value_key, read_past_value_key
from gongshe.storage.proofs import (
    ProofIncomplete,
    ProofMalformed,
    prove,
    prove_range,
    verify_proof,
    verify_range,
)
from gongshe.storage.trie import build_trie, ordered_root, trie_root
from gongshe.storage.trie_nodes import EMPTY_ROOT, V0, V1, NodeMalformed, header, read_node


def hashed(node: str) -> bytes:
    return blake2b(bytes.fromhex(node), digest_size=32).digest()


def test_the_empty_trie_has_the_known_root() -> None:
    known = "03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314"
    assert trie_root([]) == ordered_root([]) == EMPTY_ROOT == bytes.fromhex(known) == hashed("00")


def test_a_single_pair_is_a_leaf() -> None:
    assert trie_root([(b"\xaa", b"\xbb")], V0) == hashed("42aa04bb")
    assert trie_root([(b"\xaa", b"\xbb")], V1) == hashed("42aa04bb")


def test_two_pairs_apart_are_a_branch_that_holds_both() -> None:
    pairs = [(b"\x48\x19", b"\xfe"), (b"\x13\x14", b"\xff")]
    branch = "8012001443031404ff1443081904fe"
    assert trie_root(pairs, V0) == trie_root(pairs, V1) == hashed(branch)


def test_long_values_are_hashed_in_version_one_only() -> None:
    at_limit, below = b"v" * 33, b"v" * 32
    value = blake2b(at_limit, digest_size=32).hexdigest()
    assert trie_root([(b"\xaa", at_limit)], V1) == hashed("22aa" + value)
    assert trie_root([(b"\xaa", at_limit)], V0) == hashed("42aa84" + at_limit.hex())
    assert trie_root([(b"\xaa", below)], V1) == hashed("42aa80" + below.hex())


@pytest.mark.parametrize(
    ("nibbles", "expected"),
    [(0, "40"), (62, "7e"), (63, "7f00"), (64, "7f01"), (317, "7ffe"), (318, "7fff00")],
)
def test_headers_count_nibbles_in_further_bytes(nibbles: int, expected: str) -> None:
    assert header(0x40, nibbles).hex() == expected
    packed = bytes((nibbles + 1) // 2)
    assert len(read_node(bytes.fromhex(expected) + packed + b"\x00").partial) == nibbles


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "00",
        "01",
        "41",
        "41ff00",
        "42aa04",
        "42aa04bb00",
        "800000",
        "8003",
        "80010080",
        "22aa00",
    ],
)
def test_what_is_not_a_node_is_refused(raw: str) -> None:
    with pytest.raises(NodeMalformed):
        read_node(bytes.fromhex(raw))


def test_refused_proofs_say_why() -> None:
    pairs = {bytes((number,)) * 4: b"v" * 40 for number in range(40)}
    nodes: dict[str, bytes | None] = {}
    root = build_trie(pairs.items(), V1, nodes)
    key = b"\x07" * 4

    def leaf(path: str) -> tuple[bytes, bytes] | None:
        return next(
            (pair for pair in sorted(pairs.items()) if pair[0].hex().startswith(path)), None
        )

    proof = prove(nodes.get, leaf, pairs.get, [key])
    assert proof == sorted(set(proof))
    assert verify_proof(root, proof, [key]) == {key: b"v" * 40}
    with pytest.raises(ProofIncomplete, match="not part of the proof"):
        verify_proof(root, [], [key])
    with pytest.raises(ProofIncomplete, match="value"):
        verify_proof(root, [part for part in proof if part != b"v" * 40], [key])
    no_node = b"\x01 not a node"
    with pytest.raises(ProofMalformed, match="not a node"):
        verify_proof(blake2b(no_node, digest_size=32).digest(), [no_node], [key])
    whole = prove_range(nodes.get, leaf, iter(sorted(pairs.items())), b"", 1 << 20)
    assert whole.complete
    assert verify_range(root, whole.nodes, b"") == (sorted(pairs.items()), True)


def test_prefixes_tell_kinds_apart() -> None:
    assert all(len(prefix) == 1 for prefix in PREFIXES)
    assert len(set(PREFIXES)) == len(PREFIXES)


def test_history_keys_keep_the_order_of_keys() -> None:
    keys = sorted([b"", b"\x00", b"\x00\x00", b"\x00\x01", b"\x00\xff", b"a", b"a\x00", b"a\x01"])
    kept = [past_value_key(key, number) for key in keys for number in (0, 1, 256, 2**32 - 1)]
    assert kept == sorted(kept)
    assert [read_past_value_key(raw)[0] for raw in kept[::4]] == keys
