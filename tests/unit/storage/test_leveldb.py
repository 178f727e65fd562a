"""LevelDB never hides damage, never loses an acknowledged write, never creates by accident."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gongshe.storage.database import (
    StoreExists,
    StoreFailed,
    StoreLocked,
    StoreMissing,
)
from gongshe.storage.leveldb import LevelDatabase

BATCHES = 40


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A closed database of 40 batches, all still in the log."""
    place = tmp_path / "database"
    database = LevelDatabase.create(place)
    for number in range(BATCHES):
        database.write({b"head": b"%d" % number, b"block %03d" % number: bytes(100)})
    database.close()
    return place


def log_of(directory: Path) -> Path:
    logs = [log for log in directory.glob("*.log") if log.stat().st_size]
    assert len(logs) == 1
    return logs[0]


def head_after_reopening(directory: Path) -> int:
    """Read the head and demand that there is no hole below it."""
    database = LevelDatabase.open(directory)
    head = int(database.get(b"head") or b"-1")
    blocks = [key for key, _ in database.scan(b"block", b"blocl")]
    database.close()
    assert blocks == [b"block %03d" % number for number in range(head + 1)]
    return head


def test_files_belong_to_the_owner_alone(directory: Path) -> None:
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    for file in directory.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0


def test_opening_again_finds_everything(directory: Path) -> None:
    assert head_after_reopening(directory) == BATCHES - 1


def test_a_log_cut_anywhere_opens_at_a_whole_batch_or_not_at_all(directory: Path) -> None:
    whole = log_of(directory).read_bytes()
    log_of(directory).write_bytes(whole[: len(whole) * 2 // 3 + 5])
    assert head_after_reopening(directory) < BATCHES - 1


def test_a_flipped_bit_in_the_log_is_refused(directory: Path) -> None:
    log = log_of(directory)
    raw = bytearray(log.read_bytes())
    raw[len(raw) // 2] ^= 4
    log.write_bytes(raw)
    with pytest.raises(StoreFailed, match="never repaired"):
        LevelDatabase.open(directory)


def test_without_current_it_is_refused_and_nothing_is_erased(directory: Path) -> None:
    (directory / "CURRENT").unlink()
    before = {file.name: file.read_bytes() for file in directory.iterdir()}
    with pytest.raises(StoreMissing, match="CURRENT"):
        LevelDatabase.open(directory)
    assert before == {file.name: file.read_bytes() for file in directory.iterdir()}
    with pytest.raises(StoreExists):
        LevelDatabase.create(directory)


@pytest.mark.parametrize("content", [b"", b"\0" * 16, b"MANIFEST-999999\n", b"MANIFEST-000002"])
def test_a_damaged_current_is_refused(directory: Path, content: bytes) -> None:
    (directory / "CURRENT").write_bytes(content)
    with pytest.raises(StoreFailed):
        LevelDatabase.open(directory)


def test_without_manifest_it_is_refused(directory: Path) -> None:
    for manifest in directory.glob("MANIFEST-*"):
        manifest.unlink()
    with pytest.raises(StoreFailed):
        LevelDatabase.open(directory)


def test_a_table_that_is_gone_is_refused(directory: Path) -> None:
    LevelDatabase.open(directory).close()
    tables = list(directory.glob("*.ldb"))
    assert tables
    for table in tables:
        table.unlink()
    with pytest.raises(StoreFailed):
        LevelDatabase.open(directory)


def test_a_flipped_bit_in_a_table_is_met_by_reading_and_then_nothing_works(
    directory: Path,
) -> None:
    LevelDatabase.open(directory).close()
    (table,) = directory.glob("*.ldb")
    raw = bytearray(table.read_bytes())
    raw[20] ^= 1
    table.write_bytes(raw)
    database = LevelDatabase.open(directory)
    with pytest.raises(StoreFailed):
        list(database.scan(b"", None))
    with pytest.raises(StoreFailed, match="can no longer be used"):
        database.write({b"a": b"1"})
    database.close()


def test_a_missing_directory_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing):
        LevelDatabase.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_second_opening_in_this_process_is_refused(directory: Path) -> None:
    database = LevelDatabase.open(directory)
    with pytest.raises(StoreLocked):
        LevelDatabase.open(directory)
    database.close()


def test_a_second_process_is_refused(directory: Path) -> None:
    database = LevelDatabase.open(directory)
    second = subprocess.run(
        [sys.executable, "-c", OPEN_AGAIN, str(directory)],
        capture_output=True,
        text=True,
        check=False,
    )
    database.close()
    assert second.stdout.startswith("StoreLocked"), second.stderr
    assert "another process" in second.stdout


def test_after_a_failed_write_nothing_more_is_acknowledged_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    place = tmp_path / "database"
    LevelDatabase.create(place).close()
    child = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(place)],
        capture_output=True,
        text=True,
        check=True,
    )
    acknowledged, refused_after = child.stdout.split()
    assert int(refused_after) == 20
    assert int(acknowledged) > 3
    assert head_after_reopening(place) == int(acknowledged) - 1


OPEN_AGAIN = """
import sys
from pathlib import Path
from gongshe.storage.leveldb import LevelDatabase
try:
    LevelDatabase.open(Path(sys.argv[1]))
except Exception as error:
    print(type(error).__name__, error)
"""

FILL_THE_DISK = """
import resource, signal, sys
from pathlib import Path
from gongshe.storage.database import StoreFailed
from gongshe.storage.leveldb import LevelDatabase

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
database = LevelDatabase.open(Path(sys.argv[1]))
most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, most))
acknowledged = refused = 0
try:
    while acknowledged < 1000:
        database.write({b"head": b"%d" % acknowledged, b"block %03d" % acknowledged: bytes(9000)})
        acknowledged += 1
except StoreFailed:
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    for _ in range(20):
        try:
            database.write({b"head": b"lost"})
        except StoreFailed:
            refused += 1
print(acknowledged, refused)
"""
