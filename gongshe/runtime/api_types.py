"""What runtime APIs take and give, beside the types that pallets declare."""

from __future__ import annotations

import enum
from typing import Annotated, Any

from gongshe.primitives.header import Header
from gongshe.primitives.records import Record
from gongshe.primitives.scale import AtMost, Result, u64
from gongshe.primitives.types import Balance, DispatchClass, DispatchResult, Weight
from gongshe.runtime.api_declaration import RuntimeExtrinsic
from gongshe.runtime.pallets.transaction_payment import InclusionFee
from gongshe.runtime.validity import TransactionValidityError, ValidTransaction

MAX_BLOCK_EXTRINSICS = 65_536
"""Extrinsics of a block in an API's input; block length allows fewer."""

MAX_METADATA = 1 << 24
"""Bytes of metadata in an answer: forty times that of a large chain."""


class Block(Record, path="sp_runtime::generic::block::Block"):
    """A header and its extrinsics."""

    header: Header
    extrinsics: Annotated[tuple[RuntimeExtrinsic, ...], AtMost(MAX_BLOCK_EXTRINSICS)]


class ExtrinsicInclusionMode(enum.IntEnum):
    """Which extrinsics a block may hold."""

    AllExtrinsics = 0
    OnlyInherents = 1

    __scale_path__ = enum.nonmember("sp_runtime::ExtrinsicInclusionMode")


class OpaqueMetadata(Record, path="sp_core::OpaqueMetadata", unnamed=True):
    """Encoded metadata."""

    encoded: Annotated[bytes, AtMost(MAX_METADATA)]


class TransactionSource(enum.IntEnum):
    """Where an extrinsic came from."""

    InBlock = 0
    Local = 1
    External = 2

    __scale_path__ = enum.nonmember("sp_runtime::transaction_validity::TransactionSource")


class RuntimeDispatchInfo(Record, path="pallet_transaction_payment::types::RuntimeDispatchInfo"):
    """What an extrinsic weighs and what it costs without its tip."""

    weight: Weight
    class_: DispatchClass
    partial_fee: Balance


class FeeDetails(Record, path="pallet_transaction_payment::types::FeeDetails"):
    """The parts of a fee; none for what nobody pays for."""

    inclusion_fee: InclusionFee | None
    tip: Balance


class SlotDuration(Record, path="sp_consensus_slots::SlotDuration", unnamed=True):
    """The length of a slot in milliseconds."""

    milliseconds: u64


TransactionValidity = Annotated[Any, Result(ValidTransaction, TransactionValidityError)]
"""What the pool must know of an extrinsic, or why it may not enter."""

ApplyExtrinsicResult = Annotated[Any, Result(DispatchResult, TransactionValidityError)]
"""How the call of an included extrinsic ended, or why the extrinsic may not be included."""
