"""Opening a chain's data: the marker, and the inspection that only looks."""

import stat
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import pytest

from gongshe.primitives.scale import compact
from gongshe.storage.blocks import Blocks, StoredHeader
from gongshe.storage.database import (
    StoreDamaged,
    StoreExists,
    StoreLocked,
    StoreMismatch,
    StoreMissing,
)
from gongshe.storage.founding import found_states
from gongshe.storage.inspection import inspect
from gongshe.storage.keyspace import BODY, CANONICAL, FINALIZED, HEADER, NODE, VALUE, number_key
from gongshe.storage.marker import MARKER, create_store, open_store
from gongshe.storage.memory import MemoryDatabase
from gongshe.storage.states import Insertion, States

GENESIS = bytes(range(32))


def test_a_created_store_opens_with_what_founded_it(tmp_path: Path) -> None:
    place = tmp_path / "chain"
    create_store(place, GENESIS, {b"k": b"v"}).close()
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE((place / MARKER).stat().st_mode) == 0o600
    database = open_store(place, GENESIS)
    assert database.get(b"k") == b"v"
    with pytest.raises(StoreLocked, match="another process"):
        open_store(place, GENESIS)
    database.close()


def test_creating_twice_is_refused_and_erases_nothing(tmp_path: Path) -> None:
    create_store(tmp_path / "chain", GENESIS, {b"k": b"v"}).close()
    with pytest.raises(StoreExists, match="not empty"):
        create_store(tmp_path / "chain", GENESIS, {})
    database = open_store(tmp_path / "chain", GENESIS)
    assert database.get(b"k") == b"v"
    database.close()


def test_opening_never_creates(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing, match="Create the chain there first"):
        open_store(tmp_path / "chain", GENESIS)
    assert not (tmp_path / "chain").exists()


def test_an_interrupted_creation_is_refused(tmp_path: Path) -> None:
    create_store(tmp_path / "chain", GENESIS, {}).close()
    (tmp_path / "chain" / MARKER).unlink()
    with pytest.raises(StoreMissing, match="interrupted"):
        open_store(tmp_path / "chain", GENESIS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"schema": 999, "genesis": "0x00"}', "schema 999, this program reads"),
        ('{"schema": 1, "genesis": "0x1234"}', "genesis 0x1234, this node was started for"),
        ("not json", "cannot be read"),
        ("[]", "cannot be read"),
        ("{}", "cannot be read"),
    ],
)
def test_another_chain_or_schema_is_refused(tmp_path: Path, text: str, says: str) -> None:
    create_store(tmp_path / "chain", GENESIS, {}).close()
    (tmp_path / "chain" / MARKER).write_text(text)
    with pytest.raises(StoreMismatch, match=says):
        open_store(tmp_path / "chain", GENESIS)


class Chain:
    """Ten blocks over a genesis, the last three unfinalized."""

    def __init__(self) -> None:
        self.database = MemoryDatabase()
        self.blocks = Blocks(self.database)
        founded = found_states([(bytes((at,)) * 8, b"v" * at) for at in range(0, 256, 3)])
        self.hashes = [self.put(0, bytes(32), founded.root)]
        self.database.write(founded.batch_for(self.hashes[0]))
        self.states = States.open(self.database)
        for number in range(1, 11):
            prepared = self.states.prepare(self.hashes[-1], {b"number": b"%d" % number})
            block = self.put(number, self.hashes[-1], prepared.root)
            insertion = Insertion(block, number, prepared)
            final = number < 8
            change = self.states.change(insert=insertion, finalize=block if final else None)
            self.database.write(change.batch)
            if final:
                self.database.write(self.blocks.set_finalized(block, number))
            self.states.commit(change)
            self.hashes.append(block)

    def put(self, number: int, parent: bytes, root: bytes) -> bytes:
        header = parent + compact(number) + root + bytes(32) + b"\x00"
        block = blake2b(header, digest_size=32).digest()
        batch = self.blocks.put(block, StoredHeader(number, parent, header), [b"extrinsic"])
        self.database.write(batch | self.blocks.set_best(block, number, parent))
        return block


def test_sound_data_passes() -> None:
    chain = Chain()
    inspect(chain.blocks, States.open(chain.database))


def drop_header(chain: Chain) -> None:
    chain.database.write({HEADER + chain.hashes[3]: None})


def drop_body(chain: Chain) -> None:
    chain.database.write({BODY + chain.hashes[9]: None})


def swap_header(chain: Chain) -> None:
    other = chain.database.get(HEADER + chain.hashes[5])
    chain.database.write({HEADER + chain.hashes[6]: other})


def swap_number(chain: Chain) -> None:
    chain.database.write({CANONICAL + number_key(4): chain.hashes[5]})


def move_finalized(chain: Chain) -> None:
    chain.database.write({FINALIZED: number_key(6) + chain.hashes[6]})


def change_value(chain: Chain) -> None:
    chain.database.write({VALUE + b"\x30" * 8: b"changed"})


def drop_value(chain: Chain) -> None:
    chain.database.write({VALUE + b"number": None})


def drop_root(chain: Chain) -> None:
    chain.database.write({NODE: None})


def drop_pointers(chain: Chain) -> None:
    chain.database.write({FINALIZED: None})


@pytest.mark.parametrize(
    "damage",
    [
        drop_header,
        drop_body,
        swap_header,
        swap_number,
        move_finalized,
        change_value,
        drop_value,
        drop_root,
        drop_pointers,
    ],
)
def test_parts_that_contradict_each_other_are_refused(damage: Callable[[Chain], None]) -> None:
    chain = Chain()
    damage(chain)
    with pytest.raises(StoreDamaged, match=r"[Ss]ync.* again"):
        inspect(chain.blocks, States.open(chain.database))
