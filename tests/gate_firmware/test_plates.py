"""Whether the plate that was seen is the one that a ticket or a booking names."""

import pytest

from domain.plate import Plate
from domain.reservation import Status
from gate_firmware.events import Looked, Sight
from gate_firmware.plates import Plates, nearly
from tests.gate_firmware.gate import NOW, OTHER, PLATE, SEAL, Gate, rid, right

MARK = SEAL.mark(PLATE)
PREFIX = MARK[:16]


def seen(sight: Sight, plate: Plate | None) -> Looked:
    return Looked("p1", sight, plate, None, 3)


def is_another(gate: Gate, looked: Looked, mark: str = PREFIX) -> bool:
    return Plates(gate.replica, SEAL).is_another(mark, rid(1), looked, NOW)


@pytest.mark.parametrize("mark", [MARK, PREFIX])
@pytest.mark.parametrize("sight", Sight)
def test_the_same_plate_is_the_same_however_it_was_seen(entry: Gate, mark: str, sight: Sight) -> None:
    plates = Plates(entry.replica, SEAL)
    assert plates.is_this(mark, seen(sight, PLATE))
    assert not plates.is_another(mark, rid(1), seen(sight, PLATE), NOW)
    assert not plates.is_this(mark, seen(sight, OTHER))
    assert not plates.is_this(mark, seen(sight, None))


@pytest.mark.parametrize("sight", [Sight.UNSURE, Sight.BLIND])
@pytest.mark.parametrize("plate", [OTHER, None])
def test_what_was_not_surely_read_is_no_other_plate(entry: Gate, sight: Sight, plate: Plate | None) -> None:
    entry.hub_says(right())
    assert not is_another(entry, seen(sight, plate))


def test_another_expected_plate_is_another(entry: Gate) -> None:
    assert is_another(entry, seen(Sight.KNOWN, OTHER))


@pytest.mark.parametrize("plate", [OTHER, Plate("HHAB124"), None])
def test_a_stranger_where_the_reader_was_asked_about_this_plate(entry: Gate, plate: Plate | None) -> None:
    entry.hub_says(right())
    assert is_another(entry, seen(Sight.STRANGER, plate))


@pytest.mark.parametrize("known", [[], [right(status=Status.EXPIRED)], [right(start=48, end=49)]])
@pytest.mark.parametrize(
    ("read", "another"),
    [
        (OTHER, True),
        (None, False),
        (Plate("HHAB128"), False),
        (Plate("HAB123"), False),
        (Plate("HHAB1234"), False),
        (Plate("XHHAB123"), False),
        (Plate("HHAB1Z23"), False),
        (Plate("HHAB18"), True),
        (Plate("HHBA123"), True),
    ],
)
@pytest.mark.parametrize("sight", [Sight.KNOWN, Sight.STRANGER])
def test_where_it_was_not_a_clear_read_may_have_one_sign_wrong(
    entry: Gate, known: list[object], sight: Sight, read: Plate | None, another: bool
) -> None:
    """Also where it is the plate of another that was expected: it may be that one only because this one was not."""
    entry.hub_says(*known)  # type: ignore[arg-type]
    plates = Plates(entry.replica, SEAL)
    assert plates.is_another(PREFIX, rid(1), seen(sight, read), NOW) is another
    taken = plates.is_taken_for_another(PREFIX, rid(1), seen(sight, read), NOW)
    assert taken is (sight is Sight.KNOWN and not another)


def test_its_own_plate_is_not_taken_for_another(entry: Gate) -> None:
    assert not Plates(entry.replica, SEAL).is_taken_for_another(PREFIX, rid(1), seen(Sight.KNOWN, PLATE), NOW)


@pytest.mark.parametrize("text", ["AB", "HHAB123", "ABCDEFGH12"])
def test_nearly_is_each_plate_once_and_not_many(text: str) -> None:
    near = nearly(Plate(text))
    folded = {plate.folded for plate in near}
    assert len(folded) == len(near) <= 760
    assert Plate(text).folded in folded
