"""What an attendant is told of a lane: whatever has come of it, what to do now."""

import pytest

from cloud_sync.link.v1.facts import Mode
from cloud_sync.link.v1.messages import AdmitAnswer, ModeAnswer
from domain.admission import Reason, Verdict
from domain.errors import Refused, TryLater
from domain.ids import shown
from hub.lane_words import in_mode, opened, why_not
from tests.hub.riverside import NOW, SPOT, rid


@pytest.mark.parametrize(
    ("verdict", "reservation_id", "spot_id", "words"),
    [
        (Verdict.ADMIT, rid(1), SPOT, f"It opens for booking {shown(rid(1))}: spot 1-001."),
        (Verdict.ADMIT, rid(1), None, f"It opens for booking {shown(rid(1))}: show the driver where to park."),
        (Verdict.ADMIT, None, None, "It opens: show the driver where to park."),
        (Verdict.RELEASE, rid(1), None, f"It opens for booking {shown(rid(1))}."),
        (Verdict.RELEASE, None, None, "It opens."),
    ],
)
def test_for_whom_it_opens_and_where_they_go(
    verdict: Verdict, reservation_id: str | None, spot_id: str | None, words: str
) -> None:
    answer = AdmitAnswer(
        verdict=verdict,
        reason=Reason.ATTENDANT,
        reservation_id=reservation_id,
        spot_id=spot_id,
        at=NOW.utc,
        took_ms=1,
    )
    assert opened(answer) == words


def test_every_mode_has_words() -> None:
    assert len({in_mode(ModeAnswer(mode=mode, at=NOW.utc)) for mode in Mode}) == len(Mode)


def test_who_gets_no_answer_is_told_to_look() -> None:
    assert "look before you press again" in why_not(TryLater("no_answer", "no answer on v1/lots/... within 2 s"))


def test_what_has_no_words_here_says_its_own() -> None:
    assert why_not(Refused("some_day", "the gate is on holiday")) == "The gate is on holiday."
