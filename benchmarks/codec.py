"""Time the codecs that every block goes through, beside the same work done by bare `struct`.

Run: `python -m benchmarks.codec`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Annotated

from benchmarks.harness import Run, hash_seconds, seconds_each
from benchmarks.workload import Senders
from gongshe.primitives.scale import AtMost
from gongshe.primitives.schema import codec_of
from gongshe.primitives.types import AccountId
from gongshe.runtime.pallet import RECORD_WRITERS
from gongshe.runtime.pallets.balances_words import Transfer
from gongshe.runtime.pallets.system import AccountData, AccountInfo
from gongshe.runtime.validity import decode
from gongshe.runtime.versions import VERSION_1

COUNT = 5_000


def main() -> None:
    """Print every figure."""
    run = Run("codec")
    count = run.scaled(COUNT)

    def line(name: str, action: Callable[[], object], limit: float) -> None:
        run.line(name, seconds_each(action, count) * 1e6, "us", limit * 1e6)

    info = AccountInfo(7, 0, 1, 0, AccountData(10**15, 0, 0, 1 << 127))
    codec, form = codec_of(AccountInfo), struct.Struct("<IIII16s16s16s16s")
    raw, wide = codec.encode(info), (10**15).to_bytes(16, "little")
    packing = seconds_each(lambda: form.pack(7, 0, 1, 0, wide, wide, wide, wide), count)
    unpacking = seconds_each(lambda: form.unpack(raw), count)
    line("AccountInfo, written", lambda: codec.encode(info), packing)
    line("AccountInfo, read", lambda: codec.decode(raw), unpacking)

    event, write = Transfer(bytes(32), bytes(32), 10**12), RECORD_WRITERS[Transfer]
    form = struct.Struct("<2s32s32s16ss")
    packing = seconds_each(lambda: form.pack(b"\2\2", bytes(32), bytes(32), wide, b"\0"), count)
    line("Transfer event, written", lambda: write(event), packing)

    accounts = tuple(bytes(32) for _ in range(100))
    listed = codec_of(Annotated[tuple[AccountId, ...], AtMost(100)])
    raw_list = listed.encode(accounts)
    form = struct.Struct("<2s" + "32s" * 100)
    packing = seconds_each(lambda: form.pack(b"\x91\x01", *accounts), count)
    unpacking = seconds_each(lambda: form.unpack(raw_list), count)
    line("100 accounts, written", lambda: listed.encode(accounts), packing)
    line("100 accounts, read", lambda: listed.decode(raw_list), unpacking)

    transfer = Senders(10).transfers(1, bytes(32))[0]
    hashing = hash_seconds(len(transfer), count)
    line("signed transfer, read and hashed", lambda: decode(VERSION_1, transfer), hashing)
    run.finish()


if __name__ == "__main__":
    main()
