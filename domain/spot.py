"""Spots and the vehicles that fit them: one table."""

from enum import Enum


class VehicleType(Enum):
    """What a driver says they drive."""

    COMPACT = "compact"
    STANDARD = "standard"
    SUV = "suv"
    MOTORCYCLE = "motorcycle"
    EV = "ev"


class SpotKind(Enum):
    """What a spot was laid out for."""

    MOTORCYCLE = "motorcycle"  # 1.2 m wide bay
    COMPACT = "compact"
    STANDARD = "standard"
    LARGE = "large"  # wide and tall enough for an SUV
    EV = "ev"  # standard size, with a charger


FITS: dict[VehicleType, tuple[SpotKind, ...]] = {
    # The tightest fit comes first: it is the one to offer, so that large spots stay for large cars.
    VehicleType.MOTORCYCLE: (SpotKind.MOTORCYCLE, SpotKind.COMPACT, SpotKind.STANDARD, SpotKind.LARGE),
    VehicleType.COMPACT: (SpotKind.COMPACT, SpotKind.STANDARD, SpotKind.LARGE),
    VehicleType.STANDARD: (SpotKind.STANDARD, SpotKind.LARGE),
    VehicleType.SUV: (SpotKind.LARGE,),
    VehicleType.EV: (SpotKind.EV, SpotKind.STANDARD, SpotKind.LARGE),
}


def as_good(vehicle: VehicleType, booked: SpotKind) -> tuple[SpotKind, ...]:
    """Where such a vehicle may be sent in place of a spot that it booked: the same kind first, then better ones.

    No spot without a charger is as good as one with it.
    """
    if booked is SpotKind.EV:
        return (SpotKind.EV,)
    fitting = FITS[vehicle]
    return fitting[fitting.index(booked) :] if booked in fitting else fitting


def fits(vehicle: VehicleType, spot: SpotKind) -> bool:
    """Whether such a vehicle may be sent to such a spot. A charger is kept for who can use it."""
    return spot in FITS[vehicle]
