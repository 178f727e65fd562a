"""Race a node of this project against nodes that others wrote, in one run on one machine.

Each takes signed transfers of value over WebSocket from the same load process, until its blocks
hold them: anvil and hardhat (npm), and py-evm inside eth-tester (PyPI; it has no server, so it
is called directly, which favours it). They are installed into a temporary folder with npm and pip
while this runs and are no dependency of the project; what cannot be installed is skipped aloud.
An EVM transfer does more than a native one; it is still what somebody would start instead.
Run: `python -m benchmarks.peers [--tools FOLDER]` (a folder keeps what was installed).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.end_to_end import ACCOUNTS, CONNECTIONS, WINDOW
from benchmarks.end_to_end import submit as submit_to_ours
from benchmarks.harness import Run, ed25519_verify_seconds
from benchmarks.node_process import chain_options, free_port, running_node
from benchmarks.websocket import WebSocket
from benchmarks.workload import Senders

TRANSFERS = {"anvil": 20_000, "hardhat": 3_000, "py-evm": 300}
"""Each peer gets what takes it some seconds."""

INSTALL_SECONDS = 300
START_SECONDS = 60
IDLE_SECONDS = 60

MNEMONIC = "test test test test test test test test test test test junk"
"""Of the accounts that both anvil and hardhat fund."""

SENDERS = 100

SIGN = f"""
import sys
from eth_account import Account
Account.enable_unaudited_hdwallet_features()
count, chain, file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
senders = [
    Account.from_mnemonic({MNEMONIC!r}, account_path=f"m/44'/60'/0'/0/{{n}}")
    for n in range({SENDERS})
]
with open(file, "w") as out:
    for number in range(count):
        sender = senders[number % len(senders)]
        signed = sender.sign_transaction({{
            "chainId": chain, "nonce": number // len(senders), "gas": 21000, "value": 1,
            "to": senders[(number * 7 + 3) % len(senders)].address,
            "maxFeePerGas": 10**12, "maxPriorityFeePerGas": 10**9,
        }})
        out.write(signed.raw_transaction.hex().removeprefix("0x") + "\\n")
"""

PY_EVM = """
import sys, time
from eth_account import Account
from eth_tester import EthereumTester, PyEVMBackend
tester = EthereumTester(PyEVMBackend())
tester.disable_auto_mine_transactions()
keys = tester.backend.account_keys
accounts = [Account.from_key(key.to_bytes()) for key in keys]
count = int(sys.argv[1])
raws = []
for number in range(count):
    sender = accounts[number % len(accounts)]
    raws.append("0x" + sender.sign_transaction({
        "nonce": number // len(accounts), "gas": 21000, "value": 1,
        "to": accounts[(number + 1) % len(accounts)].address, "gasPrice": 10**10,
    }).raw_transaction.hex().removeprefix("0x"))
started = time.perf_counter()
for number, raw in enumerate(raws, 1):
    tester.send_raw_transaction(raw)
    if number % len(accounts) == 0:  # it takes one transaction of each account for a block
        tester.mine_block()
print(count / (time.perf_counter() - started))
"""

HARDHAT = """
module.exports = { networks: { hardhat: {
  type: "edr-simulated", chainId: 31337, blockGasLimit: 1000000000,
  allowUnlimitedContractSize: true, initialBaseFeePerGas: 1,
  accounts: { mnemonic: "%s", count: %d }, mining: { auto: false, interval: 1000 },
} } };
"""


class NotInstalled(Exception):
    """A peer that could not be had on this machine; the text says why."""


def main() -> None:
    """Race everybody."""
    run = Run("peers", options)
    limit = (os.cpu_count() or 1) / ed25519_verify_seconds()
    with tempfile.TemporaryDirectory() as place:
        tools = run.options.tools or Path(place) / "tools"
        tools.mkdir(parents=True, exist_ok=True)
        ours = race_ourselves(run, Path(place), limit)
        for name, race in (("anvil", race_anvil), ("hardhat", race_hardhat), ("py-evm", race_evm)):
            try:
                count = run.scaled(TRANSFERS[name])
                for title, rate in race(tools, Path(place), count):
                    run.line(f"{name}, {title}", rate, "/s")
                    run.line("  ours is so many times as fast", ours[title] / rate, "times")
            except NotInstalled as missing:
                print(f"SKIPPED {name}: {missing}", file=sys.stderr, flush=True)
    run.finish()


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--tools", type=Path, help="where to install the peers, to keep them")


ONE_BY_ONE, IN_BATCHES = "one by one", "in batches of 20"
Rates = Iterator[tuple[str, float]]


def race_ourselves(run: Run, folder: Path, limit: float) -> dict[str, float]:
    """Return our own rates by way of submitting."""
    senders = Senders(run.scaled(ACCOUNTS))
    count = min(run.scaled(TRANSFERS["anvil"]), len(senders.signers))
    found = {}
    with running_node(folder, *chain_options(folder, senders.accounts)) as node:
        node.wait()
        for title, batch in ((ONE_BY_ONE, 1), (IN_BATCHES, 20)):
            done = submit_to_ours(node, senders, count, batch, folder)
            found[title] = done.included
            run.line(f"gongshe, {title}", done.included, "/s", limit)
    return found


def race_anvil(tools: Path, folder: Path, count: int) -> Rates:
    """Yield anvil's rates."""
    command = npm_install(tools, "anvil", "@foundry-rs/anvil")
    for title, batch in ((ONE_BY_ONE, 1), (IN_BATCHES, 20)):
        port = free_port()
        arguments = ["--port", str(port), "--block-time", "1", "--gas-limit", "1000000000"]
        arguments += ["--accounts", str(SENDERS), "--mnemonic", MNEMONIC, "--silent"]
        with running([command, *arguments], port, tools) as client:
            raws = signed_file(tools, folder, count)
            yield title, ethereum_rate(client, port, raws, count, batch)


def race_hardhat(tools: Path, folder: Path, count: int) -> Rates:
    """Yield hardhat's rates."""
    command = npm_install(tools, "hardhat", "hardhat@2")
    home = tools / "hardhat"
    (home / "hardhat.config.js").write_text(HARDHAT % (MNEMONIC, SENDERS), encoding="utf-8")
    for title, batch in ((ONE_BY_ONE, 1), (IN_BATCHES, 20)):
        port = free_port()
        with running([command, "node", "--port", str(port)], port, home) as client:
            raws = signed_file(tools, folder, count)
            yield title, ethereum_rate(client, port, raws, count, batch)


def race_evm(tools: Path, folder: Path, count: int) -> Rates:
    """Yield the rate of py-evm inside eth-tester, without a server in between."""
    done = subprocess.run(
        [str(python_tools(tools)), "-W", "ignore", "-c", PY_EVM, str(count)],
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALL_SECONDS,
    )
    if done.returncode:
        raise NotInstalled(f"it did not run: {done.stderr.strip().splitlines()[-1:]}")
    rate = float(done.stdout.split()[-1])
    yield ONE_BY_ONE, rate


def ethereum_rate(client: WebSocket, port: int, raws: Path, count: int, batch: int) -> float:
    """Return the transfers a second from the first byte sent to the block with the last one."""
    window = WINDOW if batch == 1 else WINDOW // 4
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "benchmarks.load", str(port), str(raws)),
            *(str(CONNECTIONS), str(window), str(batch), "eth_sendRawTransaction"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as load:
        assert load.stdin is not None
        assert load.stdout is not None
        load.stdout.readline()
        block = int(client.ask("eth_blockNumber"), 16)
        load.stdin.write("go\n")
        load.stdin.flush()
        included, heard = 0, time.monotonic()
        while included < count:
            latest, told = int(client.ask("eth_blockNumber"), 16), time.time()
            for number in range(block + 1, latest + 1):
                held = client.ask("eth_getBlockTransactionCountByNumber", hex(number))
                included += int(held, 16)
                heard = time.monotonic() if int(held, 16) else heard
            block = latest
            if time.monotonic() - heard > IDLE_SECONDS:
                load.kill()
                raise NotInstalled(f"it stopped after {included} of {count} transfers")
            time.sleep(0.02)
        said = json.loads(load.stdout.readline())
    if said["refused"]:
        raise NotInstalled(f"it refused transfers: {said['refused']}")
    return count / (told - float(said["started"]))


@contextmanager
def running(command: list[str], port: int, folder: Path) -> Iterator[WebSocket]:
    """Start a peer, yield a connection once it answers, stop it again."""
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            client = connected(process, port)
            yield client
            client.close()
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def connected(process: subprocess.Popen[bytes], port: int) -> WebSocket:
    """Return a connection to a peer that has just been started."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            client = WebSocket(port)
            client.ask("eth_chainId")
            return client
        except (OSError, RuntimeError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise NotInstalled("it does not start") from None
            time.sleep(0.05)


def signed_file(tools: Path, folder: Path, count: int) -> Path:
    """Return a file of signed Ethereum transfers, in an order in which nonces never jump."""
    file = folder / f"ethereum-{count}"
    if not file.exists():
        command = [str(python_tools(tools)), "-W", "ignore", "-c", SIGN, str(count), "31337"]
        checked([*command, str(file)], folder)
    return file


def python_tools(tools: Path) -> Path:
    """Return a Python that has the Ethereum libraries."""
    home = tools / "python"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        checked([sys.executable, "-m", "venv", str(home)], tools)
        wanted = ["eth-account", "eth-tester[py-evm]", "setuptools<81"]
        checked([str(python), "-m", "pip", "install", "-q", *wanted], tools)
        (home / "ready").touch()
    return python


def npm_install(tools: Path, name: str, package: str) -> str:
    """Install an npm package into a folder of its own and return its command."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstalled("npm is not on this machine")
    home = tools / name
    command = home / "node_modules" / ".bin" / name
    if not command.exists():
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_text('{"private": true}', encoding="utf-8")
        checked([npm, "install", "--no-audit", "--no-fund", "--silent", package], home)
    return str(command)


def checked(command: list[str], folder: Path) -> None:
    """Run a command that installs or prepares something; NotInstalled if it fails."""
    try:
        subprocess.run(
            command,
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
        )
    except subprocess.CalledProcessError as failed:
        last = (failed.stderr or failed.stdout or "no message").strip().splitlines()[-1]
        raise NotInstalled(f"{' '.join(command[:4])} failed: {last[:200]}") from None
    except (OSError, subprocess.TimeoutExpired) as failed:
        raise NotInstalled(str(failed)[:200]) from None


if __name__ == "__main__":
    main()
