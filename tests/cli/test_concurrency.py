"""Many runs at the same time: each sweeps when it starts, and none may take what another one uses."""

import contextlib
import shutil
from pathlib import Path

import pytest

from harness.verify import REFERENCE
from tests.command import left_behind, started
from tests.waiting import PATIENCE

pytestmark = pytest.mark.engine
AT_ONCE = 10


def test_ten_runs_at_once_come_to_their_own_verdicts_and_leave_nothing(tmp_path: Path) -> None:
    weakened = shutil.copytree(REFERENCE.configuration, tmp_path / "conf") / "httpd.conf"
    weakened.write_text(weakened.read_text().replace("SSLVerifyClient require", "SSLVerifyClient optional"))
    with contextlib.ExitStack() as stack:
        runs = [
            stack.enter_context(
                started(
                    "verify",
                    *([str(tmp_path / "conf")] if number % 2 else ["--reference"]),
                    "-k",
                    "absent.none",
                    "--quiet",
                )
            )
            for number in range(AT_ONCE)
        ]
        outputs = [running.communicate(timeout=PATIENCE) for running in runs]
    assert [running.returncode for running in runs] == [number % 2 for number in range(AT_ONCE)], outputs
    assert [part for running in runs for part in left_behind(running.pid)] == []
