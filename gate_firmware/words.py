"""What the display tells a driver, for every reason that a decision can have: two lines of 20 signs."""

from domain.admission import Decision, Reason
from hardware.display import COLUMNS

IDLE = ("WELCOME", "PLEASE DRIVE UP")
LOOKING = ("ONE MOMENT", "READING YOUR PLATE")
DRIVE = ("PLEASE DRIVE ON", "")
FAULT = ("BARRIER FAULT", "PLEASE CALL HELP")
FIRE = ("FIRE ALARM", "PLEASE DRIVE OUT")
FIRE_ENTRY = ("FIRE ALARM", "DO NOT DRIVE IN")
CLOSED = ("LANE CLOSED", "TAKE ANOTHER ENTRY")

_WORDS: dict[Reason, tuple[str, str]] = {
    Reason.BOOKED: ("WELCOME", "YOUR SPOT {spot}"),
    Reason.LATE: ("WELCOME, YOUR NEW", "SPOT IS {spot}"),
    Reason.SECOND_CAR: ("WELCOME, PLEASE", "SEE THE HELP DESK"),
    Reason.NO_BOOKING: ("NO BOOKING FOUND", "SHOW YOUR QR CODE"),
    Reason.TOO_EARLY: ("YOU ARE EARLY FOR", "YOUR BOOKING"),
    Reason.ENDED: ("YOUR BOOKING", "HAS ENDED"),
    Reason.CANCELLED: ("YOUR BOOKING", "WAS CANCELLED"),
    Reason.PAYMENT_PENDING: ("YOUR PAYMENT IS", "NOT CONFIRMED YET"),
    Reason.ALREADY_INSIDE: ("THIS CAR IS INSIDE", "SHOW YOUR QR CODE"),
    Reason.NO_SHOW: ("YOU ARE LATE", "PLEASE CALL HELP"),
    Reason.PLATE_UNSURE: ("PLATE NOT READABLE", "SHOW YOUR QR CODE"),
    Reason.CAMERA_BLIND: ("CAMERA OUT OF ORDER", "TYPE YOUR BOOKING ID"),
    Reason.PLATE_DIFFERS: ("BOOKED FOR ANOTHER", "CAR, CALL HELP"),
    Reason.TICKET_INVALID: ("THIS QR CODE IS", "NO VALID TICKET"),
    Reason.TICKET_ELSEWHERE: ("THIS TICKET IS FOR", "ANOTHER CAR PARK"),
    Reason.TICKET_REPLACED: ("YOU HAVE A NEWER", "TICKET, SHOW THAT"),
    Reason.TICKET_USED: ("THIS TICKET WAS", "USED, CALL HELP"),
    Reason.STAY_CLOSED: ("GOODBYE", "HAVE A SAFE TRIP"),
    Reason.UNKNOWN_CAR: ("GOODBYE", "HAVE A SAFE TRIP"),
    Reason.STAFF: ("WELCOME", "PLEASE DRIVE ON"),
    Reason.DENIED: ("NO ENTRY", "PLEASE CALL HELP"),
    Reason.ATTENDANT: DRIVE,
    Reason.HELD_OPEN: DRIVE,
    Reason.LANE_CLOSED: CLOSED,
}

_SHORTER = ("SPOT {spot}", "{spot}")
"""For the line with the spot where its name is long: it is never cut."""

_NO_SPOT = ("WELCOME, PLEASE", "ASK FOR A SPOT")
"""For a booking whose spot is taken while no other is free, or whose name no display can show."""


def words(decision: Decision) -> tuple[str, str]:
    """The two lines for a decision; the spot is named as it is painted on the ground, without the lot."""
    line1, line2 = _WORDS[decision.reason]
    if "{spot}" not in line2:
        return line1, line2
    spot = (decision.spot_id or "").partition(".")[2]
    lines = (line.format(spot=spot) for line in (line2, *_SHORTER))
    shown = next((line for line in lines if len(line) <= COLUMNS), None)
    return _NO_SPOT if not spot or shown is None else (line1, shown)
