"""Which spots are free, by what was granted and by who stands there."""

from domain.spot import SpotKind, VehicleType
from domain.window import Window
from tests.hub.riverside import GATES, LARGE_SPOT, NOW, OTHER_SPOT, SPOT, Riverside, at, hold_request


def test_a_free_spot_takes_the_tightest_that_fits(riverside: Riverside) -> None:
    kinds = {
        "riverside.a-001": SpotKind.LARGE,
        "riverside.b-001": SpotKind.STANDARD,
        "riverside.c-001": SpotKind.EV,
    }
    riverside.lot.lay_out(kinds, GATES, NOW)
    window, free_spot = Window(at(0), at(1)), riverside.lot.spots.free_spot
    assert free_spot(VehicleType.STANDARD, window) == "riverside.b-001"
    assert free_spot(VehicleType.EV, window) == "riverside.c-001"
    assert free_spot(VehicleType.SUV, window) == "riverside.a-001"


def test_a_free_spot_is_neither_granted_nor_occupied(riverside: Riverside) -> None:
    window, spots = Window(at(0), at(1)), riverside.lot.spots
    riverside.booked(1)
    assert spots.free_spot(VehicleType.STANDARD, window) == OTHER_SPOT
    riverside.booked(2, hold_request(2, spot_id=OTHER_SPOT, start=-1, end=0.5))
    riverside.came_in(2)
    riverside.cancel(1)
    assert spots.free_spot(VehicleType.STANDARD, window) == SPOT
    after = Window(at(2), at(3))  # the window is over, the car is not known to have left
    assert spots.free_spot(VehicleType.STANDARD, after) == SPOT
    riverside.hold(hold_request(3, start=2, end=3))
    assert spots.free_spot(VehicleType.STANDARD, after) == LARGE_SPOT
    assert not spots.is_free(OTHER_SPOT, after)


def test_a_free_spot_there_may_be_none(riverside: Riverside) -> None:
    riverside.booked(1, hold_request(1, spot_id=LARGE_SPOT))
    assert riverside.lot.spots.free_spot(VehicleType.SUV, Window(at(0), at(1))) is None
