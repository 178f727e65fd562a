"""One contract, two databases: what holds in memory holds on disk."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongshe.storage.database import Database, StoreFailed, after_prefix
from gongshe.storage.leveldb import LevelDatabase
from gongshe.storage.memory import MemoryDatabase


@pytest.fixture(params=["memory", "leveldb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "memory":
        made: Database = MemoryDatabase()
    else:
        made = LevelDatabase.create(tmp_path / "database")
    yield made
    made.close()


def test_what_is_written_is_read(database: Database) -> None:
    database.write({b"a": b"1", b"": b"empty key", b"b": b""})
    assert database.get(b"a") == b"1"
    assert database.get(b"") == b"empty key"
    assert database.get(b"b") == b""
    assert database.get(b"c") is None


def test_none_deletes_and_deleting_nothing_is_fine(database: Database) -> None:
    database.write({b"a": b"1", b"b": b"2"})
    database.write({b"a": None, b"never": None})
    assert list(database.scan(b"", None)) == [(b"b", b"2")]


def test_scans_are_ordered_and_half_open(database: Database) -> None:
    keys = [b"", b"\x00", b"a", b"a\x00", b"ab", b"b", b"\xff"]
    database.write({key: key for key in reversed(keys)})
    assert [key for key, _ in database.scan(b"", None)] == keys
    assert [key for key, _ in database.scan(b"a", b"b")] == [b"a", b"a\x00", b"ab"]
    assert [key for key, _ in database.scan(b"a", b"b", reverse=True)] == [b"ab", b"a\x00", b"a"]
    assert [key for key, _ in database.scan(b"b", b"a")] == []
    assert [key for key, _ in database.scan(b"aa", None)] == [b"ab", b"b", b"\xff"]


def test_a_scan_does_not_see_later_writes(database: Database) -> None:
    database.write({b"a": b"1", b"b": b"1", b"c": b"1"})
    scan = database.scan(b"", None)
    assert next(scan) == (b"a", b"1")
    database.write({b"b": None, b"c": b"2", b"d": b"2"})
    assert list(scan) == [(b"b", b"1"), (b"c", b"1")]


def test_a_snapshot_stays_as_it_was(database: Database) -> None:
    database.write({b"a": b"1", b"b": b"1"})
    snapshot = database.snapshot()
    database.write({b"a": None, b"b": b"2", b"c": b"2"})
    assert snapshot.get(b"a") == b"1"
    assert snapshot.get(b"c") is None
    assert list(snapshot.scan(b"", None)) == [(b"a", b"1"), (b"b", b"1")]
    assert list(snapshot.scan(b"a", b"b", reverse=True)) == [(b"a", b"1")]
    snapshot.close()
    assert list(database.scan(b"", None)) == [(b"b", b"2"), (b"c", b"2")]


def test_after_closing_every_use_is_refused(database: Database) -> None:
    database.close()
    with pytest.raises(StoreFailed):
        database.get(b"a")
    with pytest.raises(StoreFailed):
        database.write({b"a": b"1"})
    with pytest.raises(StoreFailed):
        list(database.scan(b"", None))
    with pytest.raises(StoreFailed):
        database.snapshot()


def test_a_snapshot_is_read_from_other_threads_during_writes(database: Database) -> None:
    database.write({b"%03d" % number: b"old" for number in range(300)})
    snapshot = database.snapshot()
    wrong: list[object] = []

    def read() -> None:
        for _ in range(20):
            wrong.extend(value for _, value in snapshot.scan(b"", None) if value != b"old")
            if len(list(snapshot.scan(b"", None))) != 300:
                wrong.append("a different number of keys")

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for turn in range(20):
        database.write({b"%03d" % number: b"new" for number in range(turn, 300 + turn)})
    for reader in readers:
        reader.join()
    assert not wrong


BATCHES = st.lists(
    st.dictionaries(
        st.binary(max_size=2), st.one_of(st.none(), st.binary(max_size=3)), max_size=12
    ),
    max_size=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=BATCHES, start=st.binary(max_size=2), stop=st.none() | st.binary(max_size=2))
def test_both_agree_with_a_dictionary(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[dict[bytes, bytes | None]],
    start: bytes,
    stop: bytes | None,
) -> None:
    level = LevelDatabase.create(tmp_path_factory.mktemp("agree") / "database")
    model: dict[bytes, bytes] = {}
    databases: list[Database] = [MemoryDatabase(), level]
    for batch in batches:
        for database in databases:
            database.write(batch)
        for key, value in batch.items():
            model.pop(key, None)
            if value is not None:
                model[key] = value
    expected = sorted(
        pair for pair in model.items() if pair[0] >= start and (stop is None or pair[0] < stop)
    )
    for database in databases:
        assert list(database.scan(start, stop)) == expected
        assert list(database.scan(start, stop, reverse=True)) == expected[::-1]
        database.close()


@given(st.binary(max_size=4), st.binary(max_size=6))
def test_after_prefix_bounds_the_keys_with_a_prefix(prefix: bytes, key: bytes) -> None:
    end = after_prefix(prefix)
    assert key.startswith(prefix) == (prefix <= key and (end is None or key < end))
