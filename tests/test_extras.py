"""Each unit runs with what its own extra installs, and every lock file is fit to be installed from."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from setuptools import Distribution
from setuptools.command.build_py import build_py

from lpr.plate_finder import MODEL

ROOT = Path(__file__).parents[1]
UNITS = {
    "gate": ["domain", "lpr", "hardware", "cloud_sync.link", "gate_firmware"],
    "hub": ["domain", "cloud_sync.link", "hub"],
    "central": ["domain", "cloud_sync"],
}
IMPORT_ALL = """
import importlib, pkgutil, sys

allowed, packages = set(sys.argv[1].split(",")), sys.argv[2].split(",")

class Blocker:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if not (top in allowed or top in sys.stdlib_module_names or top.startswith("_sysconfigdata")):
            raise ModuleNotFoundError(f"{name} is not installed with this extra", name=name)

sys.meta_path.insert(0, Blocker())
for package in packages:
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, package + "."):
        importlib.import_module(found.name)
"""


def distributions_of(extra: str) -> set[str]:
    """Every distribution that `pip install gatehouse[extra]` brings."""
    found: set[str] = set()
    waiting = [Requirement(f"gatehouse[{extra}]")]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in found and not wanted.extras:
            continue
        found.add(name)
        try:
            needs = requires(wanted.name) or []
        except PackageNotFoundError:
            continue  # only for another platform
        for line in needs:
            need = Requirement(line)
            environments = [{"extra": one} for one in wanted.extras or {""}]
            if need.marker is None or any(need.marker.evaluate(environment) for environment in environments):
                waiting.append(need)
    return found


@pytest.mark.parametrize("extra", UNITS)
def test_a_unit_imports_with_nothing_but_its_own_extra(extra: str) -> None:
    brought = distributions_of(extra)
    third_party = {
        module
        for module, names in packages_distributions().items()
        if brought & {canonicalize_name(name) for name in names} and "gatehouse" not in names
    }
    ours = {package.partition(".")[0] for package in UNITS[extra]}
    command = [sys.executable, "-c", IMPORT_ALL, ",".join(third_party | ours), ",".join(UNITS[extra])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


def test_the_check_bites() -> None:
    command = [sys.executable, "-c", IMPORT_ALL, "domain,cloud_sync", "domain,cloud_sync.link"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert "is not installed with this extra" in done.stderr


@pytest.mark.parametrize("extra", [*UNITS, "easyocr", "training", "dev", "pytest"])
def test_a_lock_has_hashes_and_no_address(extra: str) -> None:
    lock = (ROOT / "requirements" / f"{extra}.txt").read_text(encoding="utf-8")
    assert "://" not in lock
    assert not re.search(r"^-", lock, flags=re.MULTILINE), "options of pip"
    pins = re.findall(r"^[a-z0-9].*(?:\n    --hash=.*)*", lock, flags=re.MULTILINE)
    assert pins
    for pin in pins:
        assert "==" in pin.splitlines()[0]
        assert "--hash=sha256:" in pin


@pytest.mark.parametrize("extra", [*UNITS, "easyocr", "training", "dev"])
def test_a_lock_holds_what_pyproject_asks_for(extra: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (ROOT / "requirements" / f"{extra}.txt").read_text(encoding="utf-8")
    locked = {
        canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE)
    }
    for line in [*project["dependencies"], *project["optional-dependencies"][extra]]:
        wanted = Requirement(line)
        name = canonicalize_name(wanted.name)
        if name != "gatehouse":
            assert wanted.specifier.contains(locked[name]), f"{line}: run `make lock`"


def test_an_installation_brings_the_plate_finder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    distribution = Distribution()
    distribution.parse_config_files()
    assert "lpr.models" in (distribution.packages or [])
    build = build_py(distribution)
    build.finalize_options()
    build.manifest_files = {}
    files = [Path(file).name for file in build.find_data_files("lpr.models", "lpr/models")]
    assert files == [MODEL.name]
