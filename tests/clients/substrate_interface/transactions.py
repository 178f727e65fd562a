"""Signed extrinsics from the key to the finalized block, and what is refused."""

from hashlib import blake2b
from typing import Any

from substrateinterface.exceptions import SubstrateRequestException

from tests.clients.substrate_interface.session import Checks, Found, Session, fields_of

check = Checks()


@check("transfer signed by sr25519, finalized")
def sr25519_transfer(session: Session) -> Found:
    before = session.free(session.bob)
    extrinsic = session.chain.create_signed_extrinsic(session.transfer(), session.alice)
    receipt = session.chain.submit_extrinsic(extrinsic, wait_for_finalization=True)
    assert receipt.is_success, receipt.error_message
    assert receipt.finalized
    moved = fields_of(receipt, "Balances", "Transfer")
    assert moved["from"] == session.alice.ss58_address
    assert moved["amount"] == session.enough
    assert session.free(session.bob) == before + session.enough
    found = session.chain.retrieve_extrinsic_by_hash(receipt.block_hash, receipt.extrinsic_hash)
    assert found.extrinsic_idx == receipt.extrinsic_idx
    return {"weight": str(receipt.weight), "fee": str(receipt.total_fee_amount)}


@check("transfer signed by ed25519")
def ed25519_transfer(session: Session) -> Found:
    receipt = session.succeed(session.transfer(), session.alice_ed25519)
    moved = fields_of(receipt, "Balances", "Transfer")
    assert moved["from"] == session.alice_ed25519.ss58_address
    return None


@check("mortal")
def mortal(session: Session) -> Found:
    receipt = session.succeed(session.transfer(), session.alice, era={"period": 16})
    block = session.chain.get_block(receipt.block_hash)
    era = block["extrinsics"][receipt.extrinsic_idx].value["era"]
    assert era != "00", era
    return {"era": str(era)}


@check("immortal")
def immortal(session: Session) -> Found:
    receipt = session.succeed(session.transfer(), session.alice)
    block = session.chain.get_block(receipt.block_hash)
    assert block["extrinsics"][receipt.extrinsic_idx].value["era"] == "00"
    return None


@check("with a tip")
def with_a_tip(session: Session) -> Found:
    receipt = session.succeed(session.transfer(), session.alice, tip=7_777)
    paid = fields_of(receipt, "TransactionPayment", "TransactionFeePaid")
    assert paid["tip"] == 7_777
    assert receipt.total_fee_amount > 7_777
    return None


@check("payload over 256 bytes")
def long_payload(session: Session) -> Found:
    remark = b"z" * 400
    call = session.call("System", "remark_with_event", remark="0x" + remark.hex())
    remarked = fields_of(session.succeed(call, session.alice), "System", "Remarked")
    assert remarked["sender"] == session.alice.ss58_address
    assert remarked["hash"] == "0x" + blake2b(remark, digest_size=32).hexdigest()
    return None


@check("fee query equals what is withdrawn")
def fee(session: Session) -> Found:
    chain = session.chain
    quoted = partial_fee(chain.get_payment_info(session.transfer(), session.charlie))
    before = session.free(session.charlie)
    receipt = session.succeed(session.transfer(), session.charlie)
    paid = receipt.total_fee_amount
    assert before - session.free(session.charlie) == paid + session.enough
    # The multiplier moves with every block: exact is the quote at the parent of the block.
    block = chain.get_block(receipt.block_hash)
    extrinsic = block["extrinsics"][receipt.extrinsic_idx]
    exact = chain.runtime_call(
        "TransactionPaymentApi",
        "query_info",
        [extrinsic, len(extrinsic.data)],
        block_hash=block["header"]["parentHash"],
    )
    assert paid == partial_fee(exact.value)
    assert abs(quoted - paid) * 1_000 < paid, f"{quoted} quoted, {paid} paid"
    return {"quoted": str(quoted), "paid": str(paid)}


def partial_fee(info: dict[str, Any]) -> int:
    """The fee, under the name of the library's own types or of the chain's."""
    return int(info["partialFee"] if "partialFee" in info else info["partial_fee"])


@check("dry run")
def dry_run(session: Session) -> Found:
    nonce = session.chain.get_account_nonce(session.alice.ss58_address)
    extrinsic = session.chain.create_signed_extrinsic(session.transfer(), session.alice)
    answer = session.chain.rpc_request("system_dryRun", [extrinsic.data.to_hex()])["result"]
    assert answer == "0x0000", answer
    assert session.chain.get_account_nonce(session.alice.ss58_address) == nonce
    return None


@check("a failed call is decoded to its error")
def failed_call(session: Session) -> Found:
    unknown = session.call("Assets", "destroy_accounts", id=4_000_000_000)
    session.fail(unknown, session.dave, "Unknown")
    beyond = session.call(
        "Balances", "transfer_allow_death", dest=session.bob.ss58_address, value=1 << 120
    )
    receipt = session.submit(beyond, session.dave)
    assert not receipt.is_success
    failed = fields_of(receipt, "System", "ExtrinsicFailed")
    assert failed["dispatch_error"] == {"Token": "FundsUnavailable"}
    return None


@check("a stale nonce is refused")
def stale_nonce(session: Session) -> Found:
    session.succeed(session.transfer(), session.alice)
    extrinsic = session.chain.create_signed_extrinsic(session.transfer(), session.alice, nonce=0)
    return refused(session, extrinsic, "Stale")


@check("a changed signature is refused")
def changed_signature(session: Session) -> Found:
    extrinsic = session.chain.create_signed_extrinsic(
        session.transfer(), session.alice, signature="0x01" + "5a" * 64
    )
    return refused(session, extrinsic, "BadProof")


@check("pending extrinsics")
def pending_extrinsics(session: Session) -> Found:
    return {"pending": len(session.chain.retrieve_pending_extrinsics())}


def refused(session: Session, extrinsic: Any, reason: str) -> Found:
    """Demands error 1010 and the reason for this extrinsic, and returns what the node said."""
    try:
        session.chain.submit_extrinsic(extrinsic)
    except SubstrateRequestException as error:
        said = error.args[0]
        assert said["code"] == 1010, said
        assert said["message"].startswith(f"Invalid Transaction: {reason}"), said
        return {"said": said}
    raise AssertionError("the extrinsic was taken")
