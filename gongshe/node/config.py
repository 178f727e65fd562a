"""What an operator decides about one node: a frozen record, checked when it is made."""

from __future__ import annotations

import os
from pathlib import Path

from gongshe.chain.pool_records import PoolLimits
from gongshe.genesis.spec import ChainSpec
from gongshe.primitives.records import Record
from gongshe.rpc.access import Listener, is_loopback
from gongshe.rpc.limits import Limits
from gongshe.storage.status import RETAINED_STATES

DEFAULT_RPC_PORT = 9944
SEALS = ("slots", "instant")
MAX_WORKERS = 64


class ConfigRefused(ValueError):
    """Settings that cannot be, or must not be, put together; the text says what to change."""


class NodeConfig(Record):
    """Everything `run` needs to know.

    `author` is a secret URI whose sr25519 key authors blocks, or empty for a node that only
    follows; `retained` is how many states are kept (0: all); `workers` how many processes check
    signatures (0: one per processor, less one for the node itself).
    """

    chain: ChainSpec
    base_path: Path
    author: str = ""
    seal: str = "slots"
    rpc_host: str = "127.0.0.1"
    rpc_port: int = DEFAULT_RPC_PORT
    rpc_hosts: tuple[str, ...] = ()
    rpc_origins: tuple[str, ...] = ()
    rpc_unsafe: bool = False
    rpc_limits: Limits = Limits()
    pool: PoolLimits = PoolLimits()
    retained: int = RETAINED_STATES
    workers: int = 0
    log: str = "info"
    log_json: bool = False

    def check(self) -> NodeConfig:
        """Return these settings if they may be put together; ConfigRefused says what may not."""
        if self.seal not in SEALS:
            raise ConfigRefused(f"--seal: expected {' or '.join(SEALS)}, found {self.seal!r}")
        if not 0 <= self.rpc_port <= 65_535:
            raise ConfigRefused(f"--rpc-port: expected 0 to 65535, found {self.rpc_port}")
        if not 0 <= self.workers <= MAX_WORKERS:
            raise ConfigRefused(f"--workers: expected 0 to {MAX_WORKERS}, found {self.workers}")
        if self.retained < 0:
            raise ConfigRefused(f"--pruning: expected archive or a number, found {self.retained}")
        if self.seal == "instant" and not self.chain.is_development:
            raise ConfigRefused("--seal instant: only for development chains, whose time may run")
        if self.author.startswith("//") and not self.chain.is_development:
            raise ConfigRefused(
                "the author's key is one that everybody knows; generate one with"
                " `gongshe key generate`, or use a development chain"
            )
        if self.author and not is_loopback(self.rpc_host) and not self.rpc_unsafe:
            raise ConfigRefused(
                f"an authoring node would offer RPC at {self.rpc_host}; bind it to 127.0.0.1, or"
                " give --rpc-unsafe if a proxy of yours stands before it"
            )
        return self

    @property
    def directory(self) -> Path:
        """Where the chain's data lie."""
        return self.base_path / "chains" / self.chain.id

    @property
    def listener(self) -> Listener:
        """The RPC listener."""
        return Listener(
            self.rpc_host, self.rpc_port, self.rpc_hosts, self.rpc_origins, self.rpc_unsafe
        )

    @property
    def worker_count(self) -> int:
        """How many processes check signatures."""
        return self.workers or max(1, (os.cpu_count() or 1) - 1)
