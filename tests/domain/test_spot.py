import pytest

from domain.spot import FITS, SpotKind, VehicleType, as_good, fits

EXPECTED = {
    VehicleType.MOTORCYCLE: "motorcycle compact standard large",
    VehicleType.COMPACT: "compact standard large",
    VehicleType.STANDARD: "standard large",
    VehicleType.SUV: "large",
    VehicleType.EV: "ev standard large",
}


@pytest.mark.parametrize("vehicle", VehicleType)
def test_each_vehicle_fits_its_spots_and_the_tightest_is_offered_first(vehicle: VehicleType) -> None:
    assert " ".join(kind.value for kind in FITS[vehicle]) == EXPECTED[vehicle]
    assert [kind for kind in SpotKind if fits(vehicle, kind)] == [kind for kind in SpotKind if kind in FITS[vehicle]]


def test_a_charger_is_kept_for_who_can_use_it() -> None:
    assert [vehicle for vehicle in VehicleType if fits(vehicle, SpotKind.EV)] == [VehicleType.EV]


def test_every_spot_is_of_use_to_somebody() -> None:
    assert {kind for kinds in FITS.values() for kind in kinds} == set(SpotKind)


def test_in_place_of_a_booked_spot_comes_an_equal_or_a_better_one() -> None:
    assert as_good(VehicleType.COMPACT, SpotKind.STANDARD) == (SpotKind.STANDARD, SpotKind.LARGE)
    assert as_good(VehicleType.SUV, SpotKind.LARGE) == (SpotKind.LARGE,)


def test_no_spot_without_a_charger_is_as_good_as_one_with_it() -> None:
    assert as_good(VehicleType.EV, SpotKind.EV) == (SpotKind.EV,)
    assert as_good(VehicleType.EV, SpotKind.STANDARD) == (SpotKind.STANDARD, SpotKind.LARGE)
