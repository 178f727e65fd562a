"""Real nodes over real LevelDB, killed: what was acknowledged is there, and all of it is whole."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gongshe.chain.store import ChainStore
from gongshe.genesis.build import build
from gongshe.genesis.presets import dev
from gongshe.node.run import STORE_FAILED, STORE_REFUSED
from gongshe.primitives.extrinsic import (
    encode_extra,
    encode_signed,
    implied_data,
    signing_payload,
)
from gongshe.primitives.types import AddressId
from gongshe.runtime.executive import Runtime
from gongshe.runtime.overlay import Overlay
from gongshe.runtime.pallet import Call
from gongshe.runtime.versions import SHIPPED
from gongshe.storage.marker import open_store
from tests.chains import ALICE, BOB, check_blocks, contents, facts
from tests.clients.running_node import COMMAND, START_SECONDS, ask, free_port
from tests.unit.cli.command import gongshe

RULES = SHIPPED[1]
GENESIS = build(dev(), RULES)
PAY = RULES.call("Balances", "transfer_keep_alive", AddressId(BOB.public), 10**9)
ROOT = Path(__file__).parents[2]

NO_ANSWER = (urllib.error.URLError, ConnectionError, TimeoutError, OSError)


def signed(nonce: int, call: Call = PAY) -> str:
    """Alice's call, as it is submitted."""
    encoded, extra = RULES.call_codec.encode(call), encode_extra(None, nonce, 0)
    implied = implied_data(1, 1, GENESIS.block_hash, GENESIS.block_hash)
    signature = ALICE.sign(signing_payload(encoded, extra, implied))
    return "0x" + encode_signed(ALICE.public, ALICE.scheme, signature, extra, encoded).hex()


@contextmanager
def started(
    command: list[str | Path], log: Path, limit_bytes: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a node in a process of its own, which is killed at the end if it still runs."""

    def limited() -> None:
        if limit_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    with log.open("ab") as written:
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=written if limit_bytes is None else subprocess.PIPE,
            cwd=ROOT,
            preexec_fn=limited,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            log.write_bytes(process.stderr.read())
            process.stderr.close()


def dev_command(folder: Path, port: int, *options: str) -> list[str | Path]:
    return [COMMAND, "dev", "--base-path", folder, "--rpc-port", str(port), *options]


def until_it_answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Tell whether the node answers, or has ended instead."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            ask(port, "chain_getFinalizedHead")
        except NO_ANSWER:
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            return False
        return True
    raise AssertionError("the node neither answers nor ends")


def final_tip(port: int) -> tuple[int, str]:
    """What RPC says is final."""
    block_hash = ask(port, "chain_getFinalizedHead")
    return int(ask(port, "chain_getHeader", block_hash)["number"], 16), block_hash


@contextmanager
def opened(folder: Path) -> Iterator[ChainStore]:
    """What a node left behind, after everything about it was checked."""
    database = open_store(folder / "chains" / dev().id, GENESIS.block_hash)
    try:
        store = ChainStore.open(database)
        check_blocks(store, contents(database))
        assert facts(store) == facts(ChainStore.open(database))
        state = store.states.at(store.heads.best.block_hash)
        Runtime(RULES, Overlay(state)).check_invariants()
        yield store
    finally:
        database.close()


# ------------------------------------------------------------------------- enumerated points

POINTS = [(number, when) for number in range(1, 17) for when in ("before", "after")]
QUICK = [(1, "after"), (2, "before"), (3, "after")]


def killed_at(folder: Path, number: int, when: str) -> list[Any]:
    """Let a node found its chain, offer it transfers until it is killed; return what it took."""
    port, taken = free_port(), []
    command: list[str | Path] = [sys.executable, "-m", "tests.processes.dying_node"]
    command += [folder, str(port), str(number), when]
    with started(command, folder / "first.log") as process:
        if until_it_answers(process, port):
            for nonce in range(2 * number):
                try:
                    ask(port, "author_submitExtrinsic", signed(nonce))
                except NO_ANSWER:
                    break
                taken.append(nonce)
        assert process.wait(START_SECONDS) == -signal.SIGKILL
    return taken


def demand_survival(folder: Path, number: int, when: str) -> None:
    """Kill a node at a point, then demand its head or one block less, and that it goes on."""
    taken = killed_at(folder, number, when)
    if number == 1:  # founding: the marker, which comes last, was never written
        port = free_port()
        with started(dev_command(folder, port), folder / "second.log") as process:
            assert not until_it_answers(process, port)
            assert process.returncode == STORE_REFUSED
        assert "was interrupted" in (folder / "second.log").read_text()
        gongshe("purge", "--chain", "dev", "--base-path", str(folder), "--yes")
    else:
        with opened(folder) as store:
            best, final = store.heads.best.number, store.heads.finalized.number
        # An answer follows the write of its block; others of the writes make blocks final.
        assert len(taken) <= best <= len(taken) + 1
        assert final <= best <= number - 1
        found = gongshe("check-state", "--base-path", str(folder), "--json").json
        assert (found["problems"], found["number"]) == ([], final)
    port = free_port()
    command = dev_command(folder, port, "--seal", "instant", "--workers", "1")
    with started(command, folder / "third.log") as process:
        assert until_it_answers(process, port), (folder / "third.log").read_text()
        nonce = ask(port, "system_accountNextIndex", ALICE.address())
        assert nonce == (0 if number == 1 else best)
        ask(port, "author_submitExtrinsic", signed(nonce))
        deadline = time.monotonic() + START_SECONDS
        while final_tip(port)[0] <= nonce:
            assert time.monotonic() < deadline
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.05)
    with opened(folder):
        pass


@pytest.mark.parametrize(("number", "when"), QUICK)
def test_a_node_killed_at_a_write_has_its_head_or_one_block_less(
    tmp_path: Path, number: int, when: str
) -> None:
    demand_survival(tmp_path, number, when)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "when"), [each for each in POINTS if each not in QUICK])
def test_a_node_killed_at_any_write_has_its_head_or_one_block_less(
    tmp_path: Path, number: int, when: str
) -> None:
    demand_survival(tmp_path, number, when)


# ------------------------------------------------------------------------------ random times


def demand_survival_of_kills(folder: Path, kills: int, seed: int) -> None:
    """Kill a node under load again and again; what it once called final stays so."""
    chance, known = Random(seed), (0, "0x" + GENESIS.block_hash.hex())
    nonce = 0
    for round_number in range(kills):
        port = free_port()
        command = dev_command(folder, port, "--seal", "instant", "--workers", "1")
        log = folder / f"round-{round_number}.log"
        with started(command, log) as process:
            assert until_it_answers(process, port), log.read_text()
            assert ask(port, "chain_getBlockHash", known[0]) == known[1]
            assert final_tip(port)[0] >= known[0]
            nonce = ask(port, "system_accountNextIndex", ALICE.address())
            ending = time.monotonic() + chance.uniform(0.1, 1.5)
            while time.monotonic() < ending:
                ask(port, "author_submitExtrinsic", signed(nonce))
                nonce += 1
                known = final_tip(port)
            process.send_signal(signal.SIGKILL)
            process.wait()
        with opened(folder) as store:
            assert store.heads.finalized.number >= known[0]
            block_hash = store.blocks.canonical(known[0])
            assert block_hash is not None
            assert "0x" + block_hash.hex() == known[1]
    assert nonce > kills
    assert gongshe("check-state", "--base-path", str(folder), "--json").json["problems"] == []


def test_what_a_killed_node_called_final_stays_final(tmp_path: Path) -> None:
    demand_survival_of_kills(tmp_path, kills=3, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_what_a_node_called_final_stays_final_through_many_kills(tmp_path: Path, seed: int) -> None:
    demand_survival_of_kills(tmp_path, kills=25, seed=seed)


# --------------------------------------------------------------------------------- disk full


def test_a_node_whose_disk_is_full_stops_at_once_and_loses_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: LevelDB's log cannot grow."""
    port = free_port()
    command = dev_command(tmp_path, port, "--seal", "instant", "--workers", "1")
    large = RULES.call("System", "remark", bytes(60_000))
    log, known = tmp_path / "full.log", (0, "")
    with started(command, log, limit_bytes=1 << 20) as process:
        assert until_it_answers(process, port)
        refused_at = 0.0
        for nonce in range(60):
            try:
                ask(port, "author_submitExtrinsic", signed(nonce, large))
                known = final_tip(port)
            except (*NO_ANSWER, KeyError):
                refused_at = time.monotonic()
                break
        assert process.wait(5) == STORE_FAILED
        assert time.monotonic() - refused_at < 5
    assert known[0] > 0
    assert "nothing more is written" in log.read_text()
    with opened(tmp_path) as store:
        assert store.heads.finalized.number >= known[0]
    with started(command, tmp_path / "after.log") as process:
        assert until_it_answers(process, port)
        assert ask(port, "chain_getBlockHash", known[0]) == known[1]
        nonce = ask(port, "system_accountNextIndex", ALICE.address())
        ask(port, "author_submitExtrinsic", signed(nonce))
