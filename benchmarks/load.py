"""A process that submits signed extrinsics over several WebSocket connections until all are taken.

Started by other benchmarks: `python -m benchmarks.load PORT FILE CONNECTIONS WINDOW BATCH METHOD`.
The file holds one extrinsic in hexadecimal per line. Each connection keeps WINDOW messages on the
way, of BATCH requests each. What the node refuses because it is full is offered again. Prints one
JSON object when the node has taken everything.
"""

from __future__ import annotations

import json
import resource
import selectors
import sys
import time
from collections import deque

import msgspec

from benchmarks.websocket import READ_BYTES, WebSocket, frame, request

FULL = (1014, 1016)
"""Error codes of a node whose pool is full: not important enough to get in, or dropped."""
PAUSE_SECONDS = 0.05
"""Before offering again what a full node refused."""


def main() -> None:
    """Submit everything and report."""
    port, file, connections, window, batch, method = sys.argv[1:7]
    with open(file, encoding="ascii") as lines:
        extrinsics = ["0x" + line.strip() for line in lines]
    load = Load(int(port), extrinsics, int(connections), int(window), int(batch), method)
    print("ready", flush=True)
    sys.stdin.readline()
    started = time.time()
    load.run()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "started": started,
                "ended": time.time(),
                "repeated": load.repeated,
                "refused": load.refused,
                "processor_seconds": usage.ru_utime + usage.ru_stime,
            }
        ),
        flush=True,
    )


class Load:
    """What is still to be sent and what is on the way."""

    def __init__(
        self,
        port: int,
        extrinsics: list[str],
        connections: int,
        window: int,
        batch: int,
        method: str,
    ) -> None:
        self.extrinsics, self.batch = extrinsics, batch
        groups = [
            range(start, min(start + batch, len(extrinsics)))
            for start in range(0, len(extrinsics), batch)
        ]
        self.method = method
        self.waiting = deque((frame(self.message(group)), len(group)) for group in groups)
        self.sockets = [WebSocket(port) for _ in range(connections)]
        self.window = window
        self.left = len(extrinsics)
        self.repeated = 0
        self.refused: dict[str, int] = {}
        self.again: list[int] = []

    def message(self, group: range | list[int]) -> bytes:
        """Return one message that submits these extrinsics, each named by its number."""
        parts = [request(number, self.method, self.extrinsics[number]) for number in group]
        return parts[0] if self.batch == 1 else b"[" + b",".join(parts) + b"]"

    def run(self) -> None:
        """Send and receive until everything was answered."""
        selector = selectors.DefaultSelector()
        for each in self.sockets:
            selector.register(each.socket, selectors.EVENT_READ, each)
            self.send(each, self.window)
        while self.left:
            for key, _ in selector.select(PAUSE_SECONDS):
                each = key.data
                data = each.socket.recv(READ_BYTES)
                if not data:
                    raise ConnectionError("the node hung up")
                messages = each.feed(data)
                for message in messages:
                    self.hear(message)
                self.send(each, len(messages))
            if self.again and not self.waiting:
                time.sleep(PAUSE_SECONDS)
                again, self.again = self.again, []
                for start in range(0, len(again), self.batch):
                    group = again[start : start + self.batch]
                    self.waiting.append((frame(self.message(group)), len(group)))
                for each in self.sockets:
                    self.send(each, self.window // 2)

    def send(self, to: WebSocket, count: int) -> None:
        """Send some more messages in one write."""
        parts = [self.waiting.popleft()[0] for _ in range(min(count, len(self.waiting)))]
        if parts:
            to.socket.sendall(b"".join(parts))

    def hear(self, message: bytes) -> None:
        """Count what was taken; keep what was refused."""
        if b'"error"' not in message:
            self.left -= message.count(b'"result"')
            return
        answers = msgspec.json.decode(message)
        for answer in answers if isinstance(answers, list) else [answers]:
            error = answer.get("error")
            if error is not None and error["code"] in FULL:
                self.again.append(answer["id"])
                self.repeated += 1
                continue
            self.left -= 1
            if error is not None:
                name = f"{error['code']} {error.get('message')} {error.get('data')}"[:200]
                self.refused[name] = self.refused.get(name, 0) + 1


if __name__ == "__main__":
    main()
