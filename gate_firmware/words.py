"""What the display tells a driver, for every reason that a decision can have: two lines of 20 signs."""

from domain.admission import Reason, Right

IDLE = ("WELCOME", "PLEASE DRIVE UP")
LOOKING = ("ONE MOMENT", "READING YOUR PLATE")
DRIVE = ("PLEASE DRIVE ON", "")
FAULT = ("BARRIER FAULT", "HELP IS ON ITS WAY")

_WORDS: dict[Reason, tuple[str, str]] = {
    Reason.BOOKED: ("WELCOME", "YOUR SPOT {spot}"),
    Reason.NO_BOOKING: ("NO BOOKING FOUND", "FOR THIS PLATE"),
    Reason.TOO_EARLY: ("YOU ARE EARLY FOR", "YOUR BOOKING"),
    Reason.ENDED: ("YOUR BOOKING", "HAS ENDED"),
    Reason.CANCELLED: ("YOUR BOOKING", "WAS CANCELLED"),
    Reason.PAYMENT_PENDING: ("YOUR PAYMENT IS", "NOT CONFIRMED YET"),
    Reason.ALREADY_INSIDE: ("THIS CAR IS INSIDE", "PLEASE CALL HELP"),
    Reason.NO_SHOW: ("YOU ARE LATE", "PLEASE CALL HELP"),
    Reason.PLATE_UNSURE: ("PLATE NOT READABLE", "PLEASE CALL HELP"),
    Reason.CAMERA_BLIND: ("CAMERA OUT OF ORDER", "PLEASE CALL HELP"),
    Reason.STAY_CLOSED: ("GOODBYE", "HAVE A SAFE TRIP"),
    Reason.UNKNOWN_CAR: ("GOODBYE", "HAVE A SAFE TRIP"),
}


def words(reason: Reason, right: Right | None) -> tuple[str, str]:
    """The two lines for a decision; the spot is named as it is painted on the ground, without the lot."""
    line1, line2 = _WORDS[reason]
    return line1, line2.format(spot="" if right is None else right.spot_id.partition(".")[2])
