"""What a lane writes down: its decisions, its passages, its alarms. Each is on disk when the call returns."""

from cloud_sync.link.journal import Journal
from cloud_sync.link.v1.facts import AlarmRaised, Direction, GateDecided, GatePassed
from domain.now import Now
from gate_firmware.deciding import Judgement
from gate_firmware.replica import Replica


class Record:
    """One lane's log."""

    def __init__(self, direction: Direction, journal: Journal, replica: Replica) -> None:
        self._direction = direction
        self._journal = journal
        self._replica = replica

    def decision(self, passage_id: str, judgement: Judgement, took_ms: int, now: Now) -> None:
        """Write a decision down. Nothing may move before."""
        decision = judgement.decision
        with self._journal.transaction():
            self._journal.append(
                GateDecided(
                    passage_id=passage_id,
                    direction=self._direction,
                    verdict=decision.verdict,
                    reason=decision.reason,
                    evidence=judgement.evidence,
                    reservation_id=judgement.reservation_id,
                    spot_id=judgement.spot_id,
                    plate=judgement.plate,
                    score=judgement.score,
                    frames=judgement.frames,
                    took_ms=took_ms,
                ),
                now,
            )

    def passage(self, passage_id: str, judgement: Judgement | None, now: Now) -> None:
        """Write down that a car has crossed, and keep in mind that it is inside, or out, until the hub says so."""
        reservation_id = None if judgement is None else judgement.reservation_id
        with self._journal.transaction():
            self._journal.append(
                GatePassed(
                    passage_id=passage_id,
                    direction=self._direction,
                    reservation_id=reservation_id,
                    plate=None if judgement is None else judgement.plate,
                ),
                now,
            )
            if reservation_id is not None and judgement is not None and self._direction is Direction.ENTRY:
                self._replica.came_in(reservation_id, judgement.spot_id)
            elif reservation_id is not None:
                self._replica.went_out(reservation_id)

    def alarm(self, alarm: str, detail: str, now: Now) -> None:
        """Write an alarm down; docs/running.md lists them."""
        with self._journal.transaction():
            self._journal.append(AlarmRaised(alarm=alarm, detail=detail), now)
