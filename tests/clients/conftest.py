"""One node for all clients, and the packages that the JavaScript ones need."""

import shutil
import subprocess
from collections.abc import Generator, Iterator

import pytest

from tests.clients.client_run import FOLDER
from tests.clients.running_node import RunningNode, running_node

INSTALL_SECONDS = 600
"""Some 250 packages, 250 MB on the disk; half a minute on an ordinary line."""

UNCHECKED = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """A development node that lives as long as the session."""
    with running_node(tmp_path_factory.mktemp("node")) as running:
        yield running


@pytest.fixture(scope="session")
def javascript(request: pytest.FixtureRequest) -> str:
    """The path of `node`, with the pinned packages installed beside the scripts."""
    program = shutil.which("node")
    if program is None:
        request.config.stash.setdefault(UNCHECKED, []).append(
            "CLIENTS NOT CHECKED: @polkadot/api and PAPI, for want of `node` (20 or newer) here"
        )
        pytest.skip("there is no `node` on this machine")
    install_packages()
    return program


def install_packages() -> None:
    """Installs what package.json pins, unless exactly that has been installed before."""
    wanted = (FOLDER / "package.json").read_bytes()
    installed = FOLDER / "node_modules" / ".installed.json"
    if installed.is_file() and installed.read_bytes() == wanted:
        return
    # No lock file: it would record one machine's download addresses.
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"]
    run = subprocess.run(
        command, cwd=FOLDER, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    assert run.returncode == 0, f"{' '.join(command)} failed\n{run.stderr[-4_000:]}"
    installed.write_bytes(wanted)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows the end of its node's log."""
    report = yield
    running = getattr(item, "funcargs", {}).get("node")
    if report.failed and isinstance(running, RunningNode):
        report.sections.append(("the node's log", running.log_tail()))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What could not be checked is said aloud, whatever the verbosity."""
    for line in terminalreporter.config.stash.get(UNCHECKED, []):
        terminalreporter.write_line(line, red=True, bold=True)
