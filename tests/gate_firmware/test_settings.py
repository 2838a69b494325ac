"""A lane's file: what is taken, and what is refused before anything moves."""

from pathlib import Path

import pytest

from cloud_sync.link.v1.facts import Direction
from domain.errors import OperatorError
from gate_firmware.settings import GateSettings, Timing
from lpr.reader import DEFAULT

FILE = """
[gate]
gate_id = "riverside.entry-1"
direction = "entry"
[store]
path = "data/gate.db"
[broker]
username = "riverside.entry-1"
[keys]
plate = { file = "plate.key" }
[hardware]
kind = "simulated"
"""


def load(folder: Path, text: str = FILE) -> GateSettings:
    path = folder / "gate.toml"
    path.write_text(text, encoding="utf-8")
    return GateSettings.load(path)


def test_a_lane(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert (settings.gate.gate_id, settings.gate.direction) == ("riverside.entry-1", Direction.ENTRY)
    assert settings.store.path == tmp_path / "data/gate.db"
    assert settings.api.port == 8091
    assert settings.reader.engine == DEFAULT
    assert (settings.keypad.tries_max, settings.keypad.locked_s) == (5, 300)


def test_a_broker_may_ask_for_no_name(tmp_path: Path) -> None:
    assert load(tmp_path, FILE.replace('username = "riverside.entry-1"', "")).broker.username is None


def test_an_exit_cannot_be_set_to_wait_longer_than_five_seconds() -> None:
    assert Timing(exit_identify_ms_max=4_000).exit_identify_ms_max < 5_000
    with pytest.raises(ValueError, match="4000"):
        Timing(exit_identify_ms_max=4_001)


def test_an_arm_may_wait_as_long_for_a_car_that_has_left_the_loop_as_for_one_that_stands_there() -> None:
    assert Timing(gap_ms_max=5_000, drive_ms_max=5_000).gap_ms_max == 5_000


@pytest.mark.parametrize(
    ("wrong", "instead", "complaint"),
    [
        ('"riverside.entry-1"\ndirection', '"riverside"\ndirection', "begins with the lot's id and a dot"),
        ('"riverside.entry-1"\ndirection', '"riverside/+"\ndirection', "gate_id"),
        ('direction = "entry"', 'direction = "both"', "direction"),
        ('kind = "simulated"', 'kind = "simulated"\n[reader]\nengine = "tesseract"', "no plate reader is called that"),
        ('kind = "simulated"', 'kind = "simulated"\n[reader]\ncountries = ["xx"]', "no plate formats are known of xx"),
        ('kind = "simulated"', 'kind = "simulated"\n[timing]\nretry_ms = 1', "retry_ms"),
        (
            'kind = "simulated"',
            'kind = "simulated"\n[timing]\ngap_ms_max = 1001\ndrive_ms_max = 1000',
            r"timing.*gap_ms_max \(1001\) is longer than drive_ms_max \(1000\)",
        ),
        (
            'kind = "simulated"',
            'kind = "simulated"\n[timing]\ndrive_ms_max = 7999',
            r"gap_ms_max \(8000\) is longer than drive_ms_max \(7999\)",
        ),
        ('kind = "simulated"', 'kind = "simulated"\n[keypad]\ntries_max = 0', "tries_max"),
        ('kind = "simulated"', 'kind = "simulated"\ncolour = "red"', "colour"),
        ('kind = "simulated"', 'kind = "imagined"', "kind"),
        ('username = "riverside.entry-1"', 'username = "riverside.exit-1"', "username: must be gate.gate_id, riv"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, wrong: str, instead: str, complaint: str) -> None:
    with pytest.raises(OperatorError, match=complaint):
        load(tmp_path, FILE.replace(wrong, instead, 1))
