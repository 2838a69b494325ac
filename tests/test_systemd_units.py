"""The unit files that we ship, as systemd itself reads them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[1] / "packaging" / "systemd"
NEWER = ("RestartSteps", "RestartMaxDelaySec")
"""Keys that systemd knows from 254 on."""
EXPOSURE_MAX = 2.5
"""What `systemd-analyze security` makes of a unit: 10 may do everything, 0 nothing."""


@pytest.fixture(params=sorted(path.name for path in UNITS.glob("*.service")))
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A unit file that runs a program which is there."""
    path = tmp_path / str(request.param)
    text = (UNITS / path.name).read_text(encoding="utf-8")
    path.write_text(text.replace("/opt/gatehouse/bin/gatehouse", shutil.which("true") or ""), encoding="utf-8")
    return path


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [shutil.which("systemd-analyze") or "systemd-analyze is not installed; run make setup", *arguments]
    environment = {**os.environ, "SYSTEMD_COLORS": "0", "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_systemd_understands_every_line(unit: Path) -> None:
    done = analyze("verify", "--man=no", str(unit))
    said = [line for line in done.stderr.splitlines() if not any(f"'{key}'" in line for key in NEWER)]
    assert (done.returncode, said) == (0, [])


def test_a_line_that_is_wrong_is_found(unit: Path) -> None:
    unit.write_text(unit.read_text(encoding="utf-8").replace("WatchdogSec=", "WachdogSec="), encoding="utf-8")
    assert "WachdogSec" in analyze("verify", "--man=no", str(unit)).stderr


def test_it_may_do_little_else(unit: Path) -> None:
    done = analyze("security", "--offline=true", str(unit))
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert exposure is not None, done.stderr
    assert float(exposure[1]) <= EXPOSURE_MAX


def test_it_may_ask_the_kernel_for_the_time(unit: Path) -> None:
    """`cloud_sync/link/machine.py` does, and takes the clock for untrusted where it may not."""
    text = re.sub(r"^#.*$", "", unit.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert "ProtectClock" not in text
    assert "ProcSubset" not in text
    assert re.search(r"^SystemCallFilter=.*\badjtimex clock_adjtime\b", text, re.MULTILINE)


def test_it_is_watched_and_started_again(unit: Path) -> None:
    lines = set(unit.read_text(encoding="utf-8").splitlines())
    assert {"Type=notify", "WatchdogSec=15", "Restart=always", "StartLimitIntervalSec=0"} <= lines
