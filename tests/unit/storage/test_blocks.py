"""Blocks: what is put is found, the best chain is one chain, forks leave no trace."""

from hashlib import blake2b

import pytest

from gongshe.storage.blocks import Blocks, Located, StoredHeader, Tip
from gongshe.storage.database import StoreDamaged
from gongshe.storage.keyspace import BODY, FINALIZED, HEADER
from gongshe.storage.memory import MemoryDatabase

BODY_OF = {name: tuple(f"{name} {at}".encode() for at in range(3)) for name in "0abcdxy"}


def hash_of(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()


class Chain:
    """Blocks named by a letter: 0 - a - b - c - d, and a fork a - x - y."""

    def __init__(self) -> None:
        self.database = MemoryDatabase()
        self.blocks = Blocks(self.database)
        self.hashes = {name: hash_of(name.encode()) for name in BODY_OF}

    def put(self, name: str, number: int, parent: str | None, *, best: bool) -> None:
        above = self.hashes[parent] if parent else bytes(32)
        block = self.hashes[name]
        body = BODY_OF[name]
        header = StoredHeader(number, above, b"header " + name.encode())
        batch = self.blocks.put(block, header, body, [hash_of(extrinsic) for extrinsic in body])
        if best:
            batch |= self.blocks.set_best(block, number, above)
        self.database.write(batch)


@pytest.fixture
def chain() -> Chain:
    chain = Chain()
    chain.put("0", 0, None, best=True)
    chain.database.write(chain.blocks.set_finalized(chain.hashes["0"], 0))
    chain.put("a", 1, "0", best=True)
    chain.put("b", 2, "a", best=True)
    chain.put("c", 3, "b", best=True)
    chain.put("x", 2, "a", best=False)
    chain.put("y", 3, "x", best=False)
    return chain


def canonical(chain: Chain) -> str:
    names = {block: name for name, block in chain.hashes.items()}
    found = [chain.blocks.canonical(number) for number in range(6)]
    return "".join(names[block] for block in found if block)


def test_what_is_put_is_found(chain: Chain) -> None:
    block = chain.hashes["b"]
    assert chain.blocks.header(block) == b"header b"
    assert chain.blocks.stored_header(block) == (2, chain.hashes["a"], b"header b")
    assert chain.blocks.body(block) == BODY_OF["b"]
    assert chain.blocks.body(hash_of(b"unknown")) is None
    assert chain.blocks.header(hash_of(b"unknown")) is None
    chain.database.write(chain.blocks.put_justification(block, b"signed"))
    assert chain.blocks.justification(block) == b"signed"
    assert chain.blocks.justification(chain.hashes["a"]) is None


def test_an_empty_body_is_not_a_missing_one() -> None:
    database = MemoryDatabase()
    blocks = Blocks(database)
    database.write(blocks.put(bytes(32), StoredHeader(0, bytes(32), b"h"), []))
    assert blocks.body(bytes(32)) == ()


def test_the_best_chain_moves_to_a_fork_and_back(chain: Chain) -> None:
    assert canonical(chain) == "0abc"
    assert chain.blocks.best() == Tip(3, chain.hashes["c"])
    chain.database.write(chain.blocks.set_best(chain.hashes["y"], 3, chain.hashes["x"]))
    assert canonical(chain) == "0axy"
    chain.database.write(chain.blocks.set_best(chain.hashes["b"], 2, chain.hashes["a"]))
    assert canonical(chain) == "0ab"
    chain.put("d", 4, "c", best=True)
    assert canonical(chain) == "0abcd"


def test_leaves_follow_puts_and_drops(chain: Chain) -> None:
    leaves = {tip.block_hash for tip in chain.blocks.leaves()}
    assert leaves == {chain.hashes["c"], chain.hashes["y"]}
    chain.database.write(chain.blocks.drop([chain.hashes["x"], chain.hashes["y"]]))
    assert chain.blocks.leaves() == [Tip(3, chain.hashes["c"])]
    assert chain.blocks.header(chain.hashes["x"]) is None
    assert chain.blocks.body(chain.hashes["y"]) is None


def test_a_fork_is_dropped_in_the_batch_that_puts_and_prefers_its_rival(chain: Chain) -> None:
    name, number, parent = "d", 3, "x"
    block, above = chain.hashes[name], chain.hashes[parent]
    header = StoredHeader(number, above, b"header d")
    chain.database.write(
        chain.blocks.put(block, header, BODY_OF[name])
        | chain.blocks.drop([chain.hashes[gone] for gone in "bcy"])
        | chain.blocks.set_best(block, number, above)
    )
    assert canonical(chain) == "0axd"
    assert chain.blocks.leaves() == [Tip(3, block)]


def test_extrinsics_are_found_on_the_best_chain_only(chain: Chain) -> None:
    inside, aside = BODY_OF["b"][1], BODY_OF["x"][2]
    assert chain.blocks.locate(hash_of(inside)) == Located(chain.hashes["b"], 2, 1)
    assert chain.blocks.locate(hash_of(aside)) is None
    assert chain.blocks.locate(hash_of(b"never seen")) is None
    chain.database.write(chain.blocks.set_best(chain.hashes["y"], 3, chain.hashes["x"]))
    assert chain.blocks.locate(hash_of(aside)) == Located(chain.hashes["x"], 2, 2)
    assert chain.blocks.locate(hash_of(inside)) is None


def test_ancestors_lead_to_genesis(chain: Chain) -> None:
    names = [stored.header[-1:] for _, stored in chain.blocks.ancestors(chain.hashes["y"])]
    assert names == [b"y", b"x", b"a", b"0"]


def test_pointers_are_none_before_the_chain_is_founded() -> None:
    blocks = Blocks(MemoryDatabase())
    assert blocks.best() is None
    assert blocks.finalized() is None
    assert blocks.leaves() == []


def test_damaged_blocks_are_refused(chain: Chain) -> None:
    block = chain.hashes["b"]
    chain.database.write({BODY + block: b"\x05\x00\x00\x00"})
    with pytest.raises(StoreDamaged, match="cut"):
        chain.blocks.body(block)
    chain.database.write({BODY + block: bytes(5)})
    with pytest.raises(StoreDamaged, match="length"):
        chain.blocks.body(block)
    chain.database.write({HEADER + block: b"short"})
    with pytest.raises(StoreDamaged, match="cut"):
        chain.blocks.stored_header(block)
    chain.database.write({HEADER + block: None})
    with pytest.raises(StoreDamaged, match="parent"):
        chain.blocks.set_best(hash_of(b"above"), 3, block)
    assert FINALIZED
