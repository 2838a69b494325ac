"""The unit files that we ship, as systemd itself reads them."""

import configparser
import os
import re
import shlex
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from simulator import as_installed

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


def values(path: Path, key: str) -> list[str]:
    """What a unit or a drop-in says of this key, in order."""
    return re.findall(rf"^{key}=(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)


class TestWhatAGateMayOpen:
    """No more than the devices that docs/wiring.md has for a lane."""

    GATE = UNITS / "gatehouse-gate@.service"
    PI_CAMERA = UNITS / "pi-camera.conf"

    @pytest.fixture
    def installed(self, tmp_path: Path) -> Path:
        """A gate's unit with the drop-in, as installing has them."""
        unit = tmp_path / self.GATE.name
        text = self.GATE.read_text(encoding="utf-8")
        unit.write_text(text.replace("/opt/gatehouse/bin/gatehouse", shutil.which("true") or ""), encoding="utf-8")
        drop_in = tmp_path / f"{self.GATE.name}.d" / self.PI_CAMERA.name
        drop_in.parent.mkdir()
        shutil.copy(self.PI_CAMERA, drop_in)
        return unit

    def test_is_its_pins_a_v4l2_camera_and_whatever_a_serial_display_hangs_on(self) -> None:
        kinds = ("gpiochip", "video4linux", "ttyUSB", "ttyACM", "ttyAMA", "ttyS")
        assert values(self.GATE, "DevicePolicy") == ["closed"]
        assert values(self.GATE, "DeviceAllow") == [f"char-{kind} rw" for kind in kinds]
        assert values(self.GATE, "RestrictAddressFamilies") == ["AF_UNIX AF_INET AF_INET6"]

    def test_is_for_the_pis_own_camera_what_libcamera_opens_on_top(self) -> None:
        assert values(self.PI_CAMERA, "DeviceAllow") == ["char-media rw", "char-dma_heap rw"]
        assert values(self.PI_CAMERA, "RestrictAddressFamilies") == ["AF_NETLINK"]

    def test_is_understood_by_systemd(self, installed: Path) -> None:
        done = analyze("verify", "--man=no", str(installed))
        said = [line for line in done.stderr.splitlines() if not any(f"'{key}'" in line for key in NEWER)]
        assert (done.returncode, said) == (0, [])

    def test_a_line_of_the_drop_in_that_is_wrong_is_found(self, installed: Path) -> None:
        (drop_in,) = installed.parent.glob("*/*.conf")
        drop_in.write_text(drop_in.read_text(encoding="utf-8").replace("DeviceAllow=", "DeviceAlow="), encoding="utf-8")
        assert "DeviceAlow" in analyze("verify", "--man=no", str(installed)).stderr

    @pytest.mark.parametrize("name", ["pi-camera.conf", "watchdog.conf"])
    def test_is_installed_where_the_file_says_it_belongs(self, name: str) -> None:
        guide = (UNITS.parents[1] / "docs" / "installing.md").read_text(encoding="utf-8")
        (place,) = re.findall(rf"^sudo install -D -m 644 packaging/systemd/{name} (\S+)$", guide, re.MULTILINE)
        assert (UNITS / name).read_text(encoding="utf-8").startswith(f"# {place}, ")


def test_the_hardware_watches_systemd_for_as_long_as_a_pis_can() -> None:
    """Its counter ends after some 15 s; what asks for more is not watched at all. The guide says how long."""
    settings = configparser.ConfigParser(delimiters="=")
    settings.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    settings.read(UNITS / "watchdog.conf", encoding="utf-8")
    assert settings.sections() == ["Manager"]
    manager = dict(settings["Manager"])
    assert set(manager) == {"RuntimeWatchdogSec", "RebootWatchdogSec"}
    microseconds = {
        key: int(re.findall(r"s: (\d+)", analyze("timespan", said).stdout)[0]) for key, said in manager.items()
    }
    assert 5_000_000 <= microseconds["RuntimeWatchdogSec"] <= 15_000_000
    guide = (UNITS.parents[1] / "docs" / "wiring.md").read_text(encoding="utf-8")
    assert f"hardware's watchdog resets the Pi after {microseconds['RuntimeWatchdogSec'] // 1_000_000} s" in guide


class TestLookingAtPictures:
    """The command that the documentation gives for an installed gate."""

    @pytest.fixture
    def command(self) -> list[str]:
        text = (UNITS.parents[1] / "docs" / "running.md").read_text(encoding="utf-8")
        [said] = re.findall(r"^gate=(\S+)\nsudo (systemd-run .*?[^\\])$", text, re.MULTILINE | re.DOTALL)
        gate, line = said
        return shlex.split(line.replace("\\\n", " ").replace("$gate", gate))

    @pytest.fixture
    def properties(self, command: list[str]) -> list[str]:
        return [value for flag, value in pairwise(command) if flag == "-p"]

    def test_is_the_gates_own_user_in_its_own_folder_with_its_own_key(self, properties: list[str]) -> None:
        """Another user would take the folder away from the gate that runs."""
        unit = (UNITS / "gatehouse-gate@.service").read_text(encoding="utf-8")
        its = set(unit.replace("%i", "riverside.entry-1").splitlines())
        same = {"DynamicUser=yes", "User=", "UMask=", "StateDirectory=", "LoadCredential=plate:"}
        shared = {key: [line for line in properties if line.startswith(key)] for key in same}
        assert all(len(lines) == 1 for lines in shared.values()), shared
        assert {line for lines in shared.values() for line in lines} <= its

    def test_runs_what_the_unit_runs_with_its_configuration(self, command: list[str]) -> None:
        unit = (UNITS / "gatehouse-gate@.service").read_text(encoding="utf-8")
        [starts] = re.findall(r"^ExecStart=(.*)$", unit.replace("%i", "riverside.entry-1"), re.MULTILINE)
        assert command[-4:] == starts.replace(" gate ", " frames ").split()

    def test_is_understood_by_systemd(self, properties: list[str], tmp_path: Path) -> None:
        unit = tmp_path / "frames.service"
        lines = ["[Service]", "Type=exec", f"ExecStart={shutil.which('true')}", *properties]
        unit.write_text("\n".join(lines) + "\n", encoding="utf-8")
        done = analyze("verify", "--man=no", str(unit))
        assert (done.returncode, done.stderr) == (0, "")

    def test_asks_systemd_run_for_what_it_knows(self, command: list[str]) -> None:
        flags = [word for word in command[: command.index("-p")] if word.startswith("--")]
        shown = subprocess.run([command[0], "--help"], capture_output=True, text=True, check=True).stdout
        assert flags
        assert [flag for flag in flags if flag not in shown.split()] == []


def test_it_is_watched_and_started_again(unit: Path) -> None:
    lines = set(unit.read_text(encoding="utf-8").splitlines())
    assert {"Type=notify", "WatchdogSec=15", "Restart=always", "StartLimitIntervalSec=0"} <= lines


def test_what_is_measured_has_a_gates_environment() -> None:
    text = (UNITS / "gatehouse-gate@.service").read_text(encoding="utf-8")
    assert dict(re.findall(r"^Environment=(MALLOC\w+)=(.*)$", text, re.MULTILINE)) == as_installed.GATE
