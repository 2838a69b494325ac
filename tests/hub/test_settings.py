"""The hub's file: what is taken, and what is refused before anything runs."""

from pathlib import Path

import pytest

from cloud_sync.link.v1.facts import Direction
from domain.errors import OperatorError
from domain.now import Trust
from domain.spot import SpotKind
from hub.settings import HubSettings

FILE = """
[lot]
lot_id = "riverside"
name = "Riverside Garage"
[store]
path = "../data/riverside.db"
[broker]
port = 1884
[central]
host = "central.example"
[keys]
ticket = { file = "ticket.pem" }
plate = { file = "plate.key" }
[[spots]]
level = "1"
count = 2
[[spots]]
level = "1"
first = 11
count = 1
kind = "ev"
[[gates]]
name = "entry-1"
direction = "entry"
[[gates]]
name = "exit-1"
direction = "exit"
"""


def load(folder: Path, text: str = FILE) -> HubSettings:
    path = folder / "hub.toml"
    path.write_text(text, encoding="utf-8")
    return HubSettings.load(path)


MANAGER = """
[[managers]]
name = "Ruth Adler"
code = { file = "ruth" }
"""


ATTENDANT = MANAGER.replace("managers", "attendants")


def test_who_works_there_has_a_name_of_their_own(tmp_path: Path) -> None:
    settings = load(tmp_path, FILE + MANAGER + ATTENDANT.replace("Ruth Adler", "Anna Berg"))
    assert [one.name for one in settings.managers] == ["Ruth Adler"]
    assert [one.name for one in settings.attendants] == ["Anna Berg"]
    for twice in (2 * MANAGER, 2 * ATTENDANT, MANAGER + ATTENDANT):
        with pytest.raises(OperatorError, match="attendants or managers named twice: Ruth Adler"):
            load(tmp_path, FILE + twice)


def test_a_lot(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.spot_kinds() == {
        "riverside.1-001": SpotKind.STANDARD,
        "riverside.1-002": SpotKind.STANDARD,
        "riverside.1-011": SpotKind.EV,
    }
    assert settings.gate_directions() == {"riverside.entry-1": Direction.ENTRY, "riverside.exit-1": Direction.EXIT}
    assert settings.store.path == tmp_path / "../data/riverside.db"
    assert settings.page.port == 8080
    assert settings.lot.timezone == "UTC"
    assert settings.clock.said is None, "measured"
    assert settings.store.floor == tmp_path / "../data/riverside.floor"


def test_the_environment_counts_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEHOUSE_PAGE__PORT", "9090")
    assert load(tmp_path).page.port == 9090


def test_what_the_operator_says_of_the_clock(tmp_path: Path) -> None:
    assert load(tmp_path, FILE + '[clock]\ntrust = "rtc"').clock.said is Trust.RTC
    assert load(tmp_path, FILE + '[clock]\ntrust = "auto"').clock.said is None
    with pytest.raises(OperatorError, match=r"clock\.trust"):
        load(tmp_path, FILE + '[clock]\ntrust = "gps"')


@pytest.mark.parametrize(
    ("wrong", "instead", "complaint"),
    [
        ('lot_id = "riverside"', 'lot_id = "Riverside"', "lot_id"),
        ('lot_id = "riverside"', 'lot_id = "riverside.x"', "no dot"),
        ('name = "entry-1"', 'name = "entry.1"', "no dot"),
        ('name = "entry-1"', 'name = "exit-1"', "gates named twice: exit-1"),
        ('level = "1"', 'level = "Level 1/#"', "level"),
        ('level = "1"', 'level = ""', "level"),
        ('level = "1"', 'level = "aaaaaaaaa"', "level"),
        ("first = 11", "first = 2", "share a level and numbers"),
        ("count = 1", "count = 0", "count"),
        ('kind = "ev"', 'kind = "boat"', "kind"),
        ('direction = "exit"', 'direction = "up"', "direction"),
        ("port = 1884", "port = 0", "port"),
        ('host = "central.example"', "port = 1884", "one broker"),
        ("port = 1884", 'colour = "red"', "colour"),
        ('name = "Riverside Garage"', 'name = "Riverside Garage"\ntimezone = "Europe/Nowhere"', "time zone"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, wrong: str, instead: str, complaint: str) -> None:
    with pytest.raises(OperatorError, match=complaint):
        load(tmp_path, FILE.replace(wrong, instead, 1))


@pytest.mark.parametrize("section", ["spots", "gates"])
def test_a_lot_has_spots_and_gates(tmp_path: Path, section: str) -> None:
    text = FILE[: FILE.index(f"[[{section}]]")] + ("" if section == "gates" else FILE[FILE.index("[[gates]]") :])
    with pytest.raises(OperatorError, match=section):
        load(tmp_path, text)
