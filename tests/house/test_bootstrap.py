"""scripts/bootstrap ends in one clear sentence where it cannot go on, and touches nothing then.

Where it can go on it is seen by every fresh checkout, and by `.ci/run` on a bare machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.sources import ROOT

NEWER_PYTHON = """#!/bin/sh
case "$2" in
    "") exit 0 ;;
    *platform*) echo 3.13.0 ;;
    *) exit 1 ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with what bootstrap reads, and an empty `bin` before the rest of the path."""
    for place in ("scripts/bootstrap", "pyproject.toml", "constraints.txt"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / place, tmp_path / place)
    (tmp_path / "bin").mkdir()
    return tmp_path


def test_an_unsupported_python_is_refused_in_one_sentence(checkout: Path) -> None:
    newer = command(checkout, "python3.13", NEWER_PYTHON)
    result = bootstrap(checkout, PYTHON=str(newer))
    assert result.returncode == 1
    assert result.stderr == (
        f"bootstrap: PYTHON={newer} is Python 3.13.0; gongshe needs Python 3.11 or 3.12.\n"
    )
    assert not (checkout / ".venv").exists()


def test_a_machine_with_only_a_newer_python_is_told_so(checkout: Path) -> None:
    for name in ("python3", "python3.12", "python3.11", "python"):
        command(checkout, name, NEWER_PYTHON)
    result = bootstrap(checkout)
    assert result.returncode == 1
    assert "gongshe needs Python 3.11 or 3.12; found Python 3.13.0." in result.stderr


def test_without_the_right_to_install_it_prints_the_command_to_type(checkout: Path) -> None:
    command(checkout, "id", "#!/bin/sh\necho 1000\n")
    for name in ("sudo", "cc", "apt-get"):
        command(checkout, name, "#!/bin/sh\nexit 1\n")
    result = bootstrap(checkout, PYTHON=sys.executable)
    assert result.returncode == 1
    assert "missing: a C compiler, GMP headers. Type this, then try again:" in result.stderr
    assert (
        "sudo apt-get update && sudo apt-get install -y gcc libc6-dev libgmp-dev" in result.stderr
    )
    assert not (checkout / ".venv").exists()


def command(checkout: Path, name: str, text: str) -> Path:
    """Put a command of our own before the machine's."""
    path = checkout / "bin" / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def bootstrap(checkout: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the checkout's bootstrap."""
    path = f"{checkout / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PYTHON": "", "PATH": path, **settings}
    script = str(checkout / "scripts" / "bootstrap")
    return subprocess.run([script], env=environment, capture_output=True, text=True, check=False)
