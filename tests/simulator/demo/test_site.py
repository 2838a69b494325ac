"""A site's configuration is one that its units take."""

import random
from pathlib import Path

import pytest

from cloud_sync.central.settings import CentralSettings
from cloud_sync.link.process import bound_socket
from domain.errors import OperatorError
from gate_firmware.settings import GateSettings
from hub.attendants import attendant_code
from hub.settings import HubSettings
from simulator.demo.site import Ports, Site
from simulator.ports import free_ports


def site(folder: Path, seed: int = 1) -> Site:
    first = free_ports(7)[0]
    return Site(folder, random.Random(seed), Ports(first, first + 1, first + 3))


def test_every_unit_takes_its_file(tmp_path: Path) -> None:
    made = site(tmp_path)
    made.write()
    CentralSettings.load(tmp_path / "config" / "central.toml")
    for lot in made.lots:
        HubSettings.load(tmp_path / "config" / f"{lot.lot_id}.toml")
        for gate in lot.gates:
            GateSettings.load(tmp_path / "config" / f"{gate.gate_id}.toml")


def test_each_lot_has_an_attendant_who_can_log_in(tmp_path: Path) -> None:
    made = site(tmp_path)
    made.write()
    codes = set()
    for lot in made.lots:
        [attendant] = HubSettings.load(tmp_path / "config" / f"{lot.lot_id}.toml").attendants
        assert attendant.name == lot.attendant
        codes.add(attendant.code.parse(attendant_code))
    assert len(codes) == len(made.lots)


def test_secrets_are_for_their_owner_alone(tmp_path: Path) -> None:
    site(tmp_path).write()
    secrets = list((tmp_path / "secrets").iterdir())
    assert secrets
    assert {path.stat().st_mode & 0o077 for path in secrets} == {0}


def test_the_seed_draws_prices_and_sizes(tmp_path: Path) -> None:
    drawn = [[(lot.step_minor, lot.standard_spots) for lot in site(tmp_path, seed).lots] for seed in (7, 7, 8)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    port = free_ports(7)[0]
    with bound_socket("127.0.0.1", port), pytest.raises(OperatorError, match=str(port)):
        Site(tmp_path, random.Random(1), Ports(port, port + 1, port + 3))
