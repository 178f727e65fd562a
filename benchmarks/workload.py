"""What the benchmarks of the chain share: a chain with many accounts, and transfers among them.

Everything is drawn from a fixed seed, so that two runs execute the same blocks.
"""

from __future__ import annotations

import random
from pathlib import Path

from gongshe.chain.author import Proposal, propose
from gongshe.chain.store import ChainStore
from gongshe.chain.transition import Verified
from gongshe.genesis.build import build
from gongshe.genesis.spec import DEFAULT_PROPERTIES, ChainSpec
from gongshe.primitives.crypto import Scheme
from gongshe.primitives.extrinsic import (
    encode_extra,
    encode_signed,
    implied_data,
    signing_payload,
)
from gongshe.primitives.header import Block
from gongshe.primitives.keys import Keypair
from gongshe.primitives.types import UNIT, AddressId
from gongshe.runtime.validity import DecodedExtrinsic, decode
from gongshe.runtime.versions import SHIPPED, VERSION_1
from gongshe.storage.marker import create_store
from gongshe.storage.status import RETAINED_STATES

SLOT_MS = 1_000
FIRST_SLOT = 1_700_000_000
"""Slot of the first block; any will do, it only has to be later than genesis."""

MAX_SIGNERS = 100_000
"""Accounts with a key; on a chain with more of them, the others only receive."""

AUTHORITY = Keypair.from_uri("//Alice", Scheme.SR25519)

AMOUNT = UNIT // 10
"""Moved by each transfer."""

SENDER_FUNDS = 1_000_000 * UNIT


class Offered(list[DecodedExtrinsic]):
    """Extrinsics in the place of a pool's order: none depends on another."""

    def leave_out(self) -> None:
        """Do nothing: no other extrinsic waits for the one refused."""


class Senders:
    """Accounts that hold much, those of them that can sign, and the nonces they have used."""

    def __init__(self, accounts: int, scheme: Scheme = Scheme.ED25519) -> None:
        self.random = random.Random(20_240_229)
        self.scheme = scheme
        self.signers = [
            Keypair.from_seed(number.to_bytes(32, "big"), scheme)
            for number in range(1, min(accounts, MAX_SIGNERS) + 1)
        ]
        self.accounts = [signer.public for signer in self.signers]
        self.accounts += [self.random.randbytes(32) for _ in range(accounts - len(self.signers))]
        self.nonces = [0] * len(self.signers)

    def transfers(self, count: int, genesis_hash: bytes) -> list[bytes]:
        """Return signed transfers of different senders, each with its next nonce."""
        senders = self.random.sample(range(len(self.signers)), count)
        return [self.transfer(number, genesis_hash) for number in senders]

    def transfer(self, number: int, genesis_hash: bytes) -> bytes:
        """Return the next transfer of one sender to anybody."""
        receiver = self.random.choice(self.accounts)
        call = VERSION_1.call("Balances", "transfer_keep_alive", AddressId(receiver), AMOUNT)
        signer, extra = self.signers[number], encode_extra(None, self.nonces[number], 0)
        self.nonces[number] += 1
        encoded = VERSION_1.call_codec.encode(call)
        version = VERSION_1.version
        implied = implied_data(
            version.spec_version, version.transaction_version, genesis_hash, genesis_hash
        )
        signature = signer.sign(signing_payload(encoded, extra, implied))
        return encode_signed(signer.public, int(self.scheme), signature, extra, encoded)

    def take_back(self, extrinsics: list[DecodedExtrinsic]) -> None:
        """Free the nonces of transfers that no block took."""
        position = {signer.public: number for number, signer in enumerate(self.signers)}
        for extrinsic in extrinsics:
            if extrinsic.signature is not None:
                self.nonces[position[extrinsic.signature.signer]] -= 1


def spec(accounts: list[bytes]) -> ChainSpec:
    """Return a development chain on which these accounts hold much; //Alice authors."""
    patch = {
        "aura": {"authorities": [AUTHORITY.address()], "slotDuration": SLOT_MS},
        "balances": {"balances": [[f"0x{each.hex()}", SENDER_FUNDS] for each in accounts]},
    }
    return ChainSpec("Benchmark", "benchmark", "Development", DEFAULT_PROPERTIES, patch)


class Chain:
    """A founded chain with many accounts, and what its next block may hold."""

    def __init__(self, accounts: int, scheme: Scheme = Scheme.ED25519) -> None:
        self.senders = Senders(accounts, scheme)
        self.slot = FIRST_SLOT
        genesis = build(spec(self.senders.accounts), VERSION_1)
        self.genesis_hash = genesis.block_hash
        self._founding = genesis.founding(RETAINED_STATES)

    def found(self, directory: Path) -> ChainStore:
        """Write the chain's beginning into an empty directory and open it."""
        return ChainStore.open(create_store(directory, self.genesis_hash, self._founding))

    def next_block(self, store: ChainStore, count: int) -> tuple[Block, Proposal]:
        """Author the next block from `count` transfers, or from as many as fit."""
        transfers = self.senders.transfers(count, self.genesis_hash)
        offered = [decode(VERSION_1, raw) for raw in transfers]
        self.slot += 1
        parent = store.heads.best.block_hash
        proposal = propose(
            store,
            SHIPPED,
            parent,
            self.slot,
            self.now_ms,
            Offered(offered),  # type: ignore[arg-type]
            Verified(),
            lambda: False,
        )
        included = [extrinsic.raw for extrinsic in proposal.executed.extrinsics]
        self.senders.take_back(offered[len(included) - 1 :])
        return Block(proposal.sealed(AUTHORITY.sign), tuple(included)), proposal

    @property
    def now_ms(self) -> int:
        """The time of the present slot."""
        return self.slot * SLOT_MS
