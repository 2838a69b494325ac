"""The display: two lines of 20 signs, for every reason."""

import pytest

from domain.admission import Reason, Right
from domain.plate import SealedPlate
from domain.reservation import Status
from domain.spot import VehicleType
from domain.window import Window
from gate_firmware import words as all_words
from gate_firmware.words import words
from hardware.display import COLUMNS
from tests.gate_firmware.gate import at, rid

LONGEST = Right(
    rid(1),
    1,
    Status.CONFIRMED,
    f"riverside.{'l' * 8}-9999",
    Window(at(0), at(1)),
    VehicleType.EV,
    SealedPlate("00", "00"),
)


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("right", [None, LONGEST])
def test_every_reason_has_words_that_fit(reason: Reason, right: Right | None) -> None:
    line1, line2 = words(reason, right)
    assert line1
    for line in (line1, line2):
        assert "{" not in line
        line.encode("cp437")
        assert len(line) <= COLUMNS or reason is Reason.BOOKED  # of a name that is too long the end is cut


@pytest.mark.parametrize("lines", [all_words.IDLE, all_words.LOOKING, all_words.DRIVE, all_words.FAULT])
def test_so_has_every_state(lines: tuple[str, str]) -> None:
    assert all(len(line) <= COLUMNS for line in lines)


def test_the_spot_is_named_as_it_is_painted() -> None:
    short = Right(rid(1), 1, Status.CONFIRMED, "riverside.1-042", LONGEST.window, VehicleType.EV, LONGEST.plate)
    assert words(Reason.BOOKED, short) == ("WELCOME", "YOUR SPOT 1-042")
