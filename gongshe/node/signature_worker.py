"""One process that checks signatures: frames of questions in, bytes of answers out.

Started by `verifier.py` as `python -m gongshe.node.signature_worker`. It imports the crypto file
and nothing else of the package, so that it starts in tens of milliseconds and stays small. It ends
when its input ends, which is also what happens when the node is killed.

    question frame   count u32, body length u64, body
    body             count scheme bytes, count message lengths u32, then per question
                     public key (32 bytes), signature (64), message
    answers          count u32, then one byte per question: 1 is valid

All numbers are little-endian. `GREETING` comes before the first answer, after the self-test.
"""

from __future__ import annotations

import os
import signal
import struct
import sys

from gongshe.primitives.crypto import Scheme, ed25519_verify_signed, self_test, verify

GREETING = b"gongshe signature worker 1\n"
"""Says that the self-test passed and which version of the frames follows."""
QUESTION_HEADER = struct.Struct("<IQ")
ANSWER_HEADER = struct.Struct("<I")
REFUSED = 255
"""The scheme byte of a question that was malformed before it could be framed."""
INPUT, OUTPUT = 0, 1


def main() -> None:
    """Answer questions until the input ends."""
    # A terminal's Ctrl-C and a supervisor's SIGTERM reach the whole group. The node needs its
    # workers while it shuts down, and they end with it in any case.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    self_test()
    try:
        _write(GREETING)
        while (header := _read(QUESTION_HEADER.size)) is not None:
            count, length = QUESTION_HEADER.unpack(header)
            body = _read(length)
            if body is None:
                break
            _write(ANSWER_HEADER.pack(count) + answers(count, body))
    except BrokenPipeError:
        # The node is gone or has closed us: nobody is left to answer.
        sys.exit(0)


def answers(count: int, body: bytes) -> bytes:
    """Return one byte per question of a frame's body."""
    schemes = body[:count]
    lengths = struct.unpack_from(f"<{count}I", body, count)
    found = bytearray(count)
    offset = 5 * count
    for index in range(count):
        signed, end = offset + 32, offset + 96 + lengths[index]
        public = body[offset:signed]
        if schemes[index] == Scheme.ED25519:
            # The frame holds signature and message side by side, as the library wants them.
            found[index] = ed25519_verify_signed(public, body[signed:end])
        else:
            message = body[signed + 64 : end]
            found[index] = verify(schemes[index], public, body[signed : signed + 64], message)
        offset = end
    return bytes(found)


def _read(length: int) -> bytes | None:
    """Return exactly `length` bytes of input, or None where it ends."""
    buffer = bytearray(length)
    view, filled = memoryview(buffer), 0
    while filled < length:
        found = os.readv(INPUT, [view[filled:]])
        if not found:
            return None
        filled += found
    return bytes(buffer)


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(OUTPUT, view) :]


if __name__ == "__main__":
    main()
