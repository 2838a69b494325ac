"""The display: two lines of 20 signs, for every reason."""

import pytest

from domain.admission import Decision, Reason, Verdict
from gate_firmware import words as all_words
from gate_firmware.words import words
from hardware.display import COLUMNS

LONGEST = f"riverside.{'l' * 8}-9999"
"""As long a name as the hub takes."""


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("spot_id", [None, LONGEST])
def test_every_reason_has_words_that_fit(reason: Reason, spot_id: str | None) -> None:
    line1, line2 = words(Decision(Verdict.ASK, reason, None, spot_id))
    assert line1
    for line in (line1, line2):
        assert "{" not in line
        line.encode("cp437")
        assert len(line) <= COLUMNS


STATES = {name: lines for name, lines in vars(all_words).items() if name.isupper() and isinstance(lines, tuple)}


def test_so_has_every_state() -> None:
    assert {"IDLE", "LOOKING", "DRIVE", "FAULT", "FIRE", "CLOSED"} <= STATES.keys()
    for name, lines in STATES.items():
        assert all(len(line) <= COLUMNS for line in lines), name


def test_the_spot_is_named_as_it_is_painted() -> None:
    assert words(Decision(Verdict.ADMIT, Reason.BOOKED, None, "riverside.1-042")) == ("WELCOME", "YOUR SPOT 1-042")
    assert words(Decision(Verdict.ADMIT, Reason.LATE, None, "riverside.1-042"))[1] == "SPOT IS 1-042"


@pytest.mark.parametrize(
    ("spot", "booked", "late"),
    [
        ("42", "YOUR SPOT 42", "SPOT IS 42"),
        ("level-1042", "YOUR SPOT level-1042", "SPOT IS level-1042"),
        ("level-01042", "SPOT level-01042", "SPOT IS level-01042"),
        ("llllllll-9999", "SPOT llllllll-9999", "SPOT llllllll-9999"),
        ("l" * 20, "l" * 20, "l" * 20),
        ("l" * 21, "ASK FOR A SPOT", "ASK FOR A SPOT"),
    ],
)
def test_its_name_is_never_cut(spot: str, booked: str, late: str) -> None:
    for reason, line in ((Reason.BOOKED, booked), (Reason.LATE, late)):
        assert words(Decision(Verdict.ADMIT, reason, None, f"riverside.{spot}"))[1] == line


def test_without_one_the_driver_is_told_to_ask() -> None:
    assert words(Decision(Verdict.ADMIT, Reason.BOOKED)) == ("WELCOME, PLEASE", "ASK FOR A SPOT")
