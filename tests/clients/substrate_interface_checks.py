"""The node as `substrate-interface` sees it: a JSON line per check, exit code 1 at a failure.

Run as `python -m tests.clients.substrate_interface_checks ws://127.0.0.1:9944`, with `--keep-going`
to see every failure, with `--only assets,proxy` for some of the checks.
"""

import argparse
import json
import sys
import time
import traceback
from typing import Any

from tests.clients.substrate_interface import pallets, reading, transactions
from tests.clients.substrate_interface.session import Session

CHECKS = {**reading.check, **transactions.check, **pallets.check}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--keep-going", action="store_true")
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    wanted = tuple(filter(None, arguments.only.split(","))) or ("",)

    session = Session(arguments.url)
    failed = 0
    for name, body in CHECKS.items():
        if not name.startswith(wanted):
            continue
        line: dict[str, Any] = {"check": name, "ok": True}
        began = time.perf_counter()
        try:
            line |= body(session) or {}
        except Exception as error:
            line |= {"ok": False, "error": "".join(traceback.format_exception(error, limit=-2))}
            failed = 1
        line["milliseconds"] = round((time.perf_counter() - began) * 1000)
        sys.stdout.write(json.dumps(line, default=str) + "\n")
        sys.stdout.flush()
        if failed and not arguments.keep_going:
            break
    session.chain.close()
    return failed


if __name__ == "__main__":
    sys.exit(main())
