"""What an attendant is told of a lane that they have asked something: in words that they can act on."""

from cloud_sync.link.v1.facts import Mode
from cloud_sync.link.v1.messages import AdmitAnswer, ModeAnswer
from domain.admission import Verdict
from domain.errors import GatehouseError
from domain.ids import shown

_IN_MODE: dict[Mode, str] = {
    Mode.AUTOMATIC: "It decides by itself again.",
    Mode.HELD_OPEN: "It is held open: everyone passes.",
    Mode.CLOSED: "It is closed: nobody is let in, unless you open for them.",
}

_GO_THERE = "It cannot be reached from here, and goes on deciding by itself. Go there: its key switch opens it."

_WHY_NOT: dict[str, str] = {
    "gate_offline": _GO_THERE,
    "link_down": _GO_THERE,
    "no_answer": "It has not answered in time, and may have done it all the same: look before you press again.",
    "gate_answer_invalid": "This hub cannot read its answer. Look at the lane before you press again.",
    "challenge_wrong": "Somebody else was quicker. Look at the lane, then press again.",
    "reservation_id_invalid": "This is no booking id. Look for a typing error; or open without.",
    "reservation_unknown": "The gate does not know this booking for this car. Ask for the id again; or open without.",
    "exit_never_closed": "Who is inside gets out: an exit is never closed.",
    "request_unknown": "Its software is too old for this. Go there: its key switch opens it.",
    "hub_fenced": "Another hub speaks for this lot now, and this one moves nothing. Call whoever runs it.",
}


def opened(answer: AdmitAnswer) -> str:
    """For whom the lane opens, and where they go."""
    words = "It opens"
    if answer.reservation_id is not None:
        words += f" for booking {shown(answer.reservation_id)}"
    if answer.verdict is Verdict.RELEASE:
        return words + "."
    if answer.spot_id is None:
        return words + ": show the driver where to park."
    return words + f": spot {answer.spot_id.partition('.')[2]}."


def in_mode(answer: ModeAnswer) -> str:
    """What the lane does from now on."""
    return _IN_MODE[answer.mode]


def why_not(error: GatehouseError) -> str:
    """Why it was not done, as far as anybody knows, and what to do now."""
    return _WHY_NOT.get(error.code, f"{error.message[:1].upper()}{error.message[1:]}.")
