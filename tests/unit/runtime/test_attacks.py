"""Attacks on the rules that were once found to work, and must not work again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.header import Digest
from gongshe.primitives.types import UNIT, Weight
from gongshe.runtime.apis import call_api
from gongshe.runtime.executive import BlockExecution
from gongshe.runtime.limits import BLOCK_WEIGHTS, NORMAL_TOTAL
from gongshe.runtime.pallet import Call, Signed
from gongshe.runtime.pallets.proxy_types import ProxyFilter, ProxyType
from gongshe.runtime.pallets.transaction_payment import WEIGHT_FEE
from gongshe.runtime.validity import DecodedExtrinsic, Refused, cost_of
from gongshe.runtime.weights import BASE_EXTRINSIC, NESTED_CALL
from tests.runtime_chain import ALICE, BOB, CHARLIE, DAVE, SLOT_MS, Chain, State, block_hash

FULL_PROOF = NORMAL_TOTAL.proof_size - BASE_EXTRINSIC.proof_size


@pytest.fixture
def chain() -> Chain:
    return Chain()


def opened(chain: Chain) -> BlockExecution:
    """The next block, with nothing in it but its time."""
    execution = chain.open()
    execution.apply(chain.inherent("Timestamp.set", (chain.slot + 1) * SLOT_MS))
    return execution


def judge(chain: Chain) -> BlockExecution:
    """The rules by which the pool judges on the present state."""
    number = chain.number + 1
    return BlockExecution(chain.assemblies, chain.state, number, block_hash(number - 1), Digest())


# --------------------------------------------------------------------- filling blocks cheaply


def test_whoever_fills_a_block_by_its_proof_pays_for_a_block(chain: Chain) -> None:
    nothing = chain.call("System.remark", b"")
    stuffing = chain.signed(BOB, "Utility.with_weight", nothing, Weight(0, FULL_PROOF))
    execution = opened(chain)
    fee = execution.apply(stuffing).fee
    with pytest.raises(Refused, match="ExhaustsResources"):
        execution.apply(chain.signed(ALICE, "Balances.transfer_keep_alive", BOB, UNIT))
    assert fee > NORMAL_TOTAL.ref_time * WEIGHT_FEE * 99 // 100


def test_what_fills_a_block_by_its_proof_does_not_go_before_what_is_small(chain: Chain) -> None:
    nothing = chain.call("System.remark", b"")
    stuffing = chain.signed(BOB, "Utility.with_weight", nothing, Weight(0, FULL_PROOF))
    transfer = chain.signed(ALICE, "Balances.transfer_keep_alive", BOB, UNIT)
    assert judge(chain).validate(stuffing).priority == 1
    assert judge(chain).validate(transfer).priority > 1_000


def nest(chain: Chain, count: int) -> Call:
    """A batch of so many empty remarks, in batches of ten thousand."""
    remark = chain.call("System.remark", b"")
    batches = [
        chain.call("Utility.batch", (remark,) * min(count - at, 10_000))
        for at in range(0, count, 10_000)
    ]
    return chain.call("Utility.batch", tuple(batches))


@pytest.mark.parametrize("hidden_in", ["Utility.with_weight", "Sudo.sudo_unchecked_weight"])
def test_calls_that_are_only_read_are_paid_for(chain: Chain, hidden_in: str) -> None:
    hidden = chain.signed(BOB, hidden_in, nest(chain, 15_000), Weight(0, 0))
    applied = chain.block(hidden).results[0]
    assert applied.failure is not None
    assert hidden.info.weight.ref_time >= 15_000 * NESTED_CALL.ref_time
    assert applied.fee > 15_000 * NESTED_CALL.ref_time * WEIGHT_FEE


def test_reading_is_paid_for_whatever_else_is_given_back(chain: Chain) -> None:
    inner = nest(chain, 10_000)
    approval = chain.signed(BOB, "Multisig.as_multi", 2, (ALICE,), None, inner, Weight(10**11, 0))
    applied = chain.block(approval).results[0]
    assert applied.failure is None
    read = 10_000 * NESTED_CALL.ref_time * WEIGHT_FEE
    assert read < applied.fee < 10**11 * WEIGHT_FEE + read


def test_a_block_of_hidden_calls_is_read_within_its_weight(chain: Chain) -> None:
    raw = chain.signed(BOB, "Utility.with_weight", nest(chain, 15_000), Weight(0, 0))
    use = judge(chain)._system.use
    fitting = 0
    while use.fits(raw.info.weight, len(raw.raw), raw.info.dispatch_class):
        use.add(raw.info.weight, len(raw.raw), raw.info.dispatch_class)
        fitting += 1
    assert fitting == 8


def test_plain_calls_pay_nothing_for_reading(chain: Chain) -> None:
    transfer = chain.call("Balances.transfer_keep_alive", BOB, 1)
    info, reading = cost_of(transfer)
    assert info is transfer.info()
    assert not reading.ref_time


@pytest.mark.parametrize("by_proof", [False, True])
def test_what_the_pool_takes_fits_into_some_block(chain: Chain, by_proof: bool) -> None:
    """Calls that only a block without hooks could hold would stop every block for ever."""
    inner = chain.call("Upgrades.cancel_upgrade")
    whole = BLOCK_WEIGHTS.max_block - BLOCK_WEIGHTS.base_block - BASE_EXTRINSIC
    most = BLOCK_WEIGHTS.per_class.operational.max_extrinsic
    assert most is not None

    def stating(weight: Weight) -> DecodedExtrinsic:
        part = Weight(0, weight.proof_size) if by_proof else Weight(weight.ref_time, 0)
        return chain.signed(BOB, "Utility.with_weight", inner, part - NESTED_CALL, nonce=0)

    with pytest.raises(Refused, match="ExhaustsResources"):
        judge(chain).check(stating(whole), exact_nonce=False)
    largest = stating(most)
    judge(chain).check(largest, exact_nonce=False)
    opened(chain).apply(largest)


def test_a_weight_that_no_encoding_carries_is_still_told(chain: Chain) -> None:
    widest = Weight((1 << 64) - 1, (1 << 64) - 1)
    nothing = chain.call("System.remark", b"")
    approval = chain.call("Multisig.as_multi", 2, (ALICE,), None, nothing, widest)
    raw = chain.signed(BOB, "Utility.batch", (approval,) * 9).raw
    length = len(raw).to_bytes(4, "little")
    for name in ("query_info", "query_fee_details"):
        assert call_api(chain.runtime, f"TransactionPaymentApi_{name}", raw + length)


# ----------------------------------------------------------------------- work out of proportion


def test_a_chain_of_proxies_does_not_multiply_its_filter(chain: Chain) -> None:
    origin = Signed(ALICE)
    for _ in range(30):
        origin = origin.named(BOB, ProxyFilter(ProxyType.NonTransfer))
        origin = origin.named(CHARLIE, ProxyFilter(ProxyType.Assets))
    assert len(origin.filters) == 2
    assert not origin.allows(chain.call("Assets.touch", 1)), "both still hold"
    assert origin.allows(chain.call("Utility.batch", ()))


class Blind(State):
    """A state in which nothing may be searched for, only looked up."""

    def pairs(self, prefix: bytes, after: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        raise AssertionError(f"searched under 0x{prefix.hex()}")


def test_looking_for_nothing_to_destroy_looks_at_nothing(chain: Chain) -> None:
    """A search goes through every key that the block has written, at the price of a remark."""
    chain.succeeds(BOB, "Assets.create", 7, BOB, 1)
    chain.succeeds(BOB, "Assets.start_destroy", 7)
    chain.state = Blind(chain.state.values)
    execution = opened(chain)
    for name in ("destroy_accounts", "destroy_approvals"):
        assert execution.apply(chain.signed(BOB, f"Assets.{name}", 7)).failure is None


# --------------------------------------------------------------------------- ways around filters


def test_a_narrow_proxy_cannot_announce_what_it_may_not_do(chain: Chain) -> None:
    """Dave may move nothing of Bob's, and must not move Charlie's, whose proxy Bob is, either."""
    chain.succeeds(CHARLIE, "Proxy.add_proxy", BOB, ProxyType.Any, 2)
    chain.succeeds(BOB, "Proxy.add_proxy", DAVE, ProxyType.NonTransfer, 0)
    theft = chain.call("Balances.transfer_keep_alive", DAVE, UNIT)
    call_hash = blake2_256(chain.assembly.call_codec.encode(theft))
    announcement = chain.call("Proxy.announce", CHARLIE, call_hash)
    chain.succeeds(DAVE, "Proxy.proxy", BOB, None, announcement)
    chain.blocks(3)
    assert (
        chain.fails(DAVE, "Proxy.proxy_announced", BOB, CHARLIE, None, theft) == "Proxy.Unannounced"
    )
