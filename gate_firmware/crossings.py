"""Who has crossed, who has gone back, and who may have done either: written down from what the loops have seen.

A car has crossed that has left the arrival loop and come off the safety loop, under an arm that was not down. One that
was seen on its way and not crossing has backed out; where the loops cannot be believed, or a restart lies in between,
it counts as passed unseen: nobody pays for not having come who may be inside.
"""

from cloud_sync.link.v1.facts import Noted
from domain.now import Now
from gate_firmware.arrival_watch import MOMENT_MS, ArrivalWatch
from gate_firmware.events import Looked
from gate_firmware.identification import Identification
from gate_firmware.passage import Passage
from gate_firmware.record import Record
from gate_firmware.under_arm import UNNOTICED_MAX, Crossing, UnderArm


class Crossings:
    """One lane's. Moves nothing."""

    def __init__(self, record: Record, car: Identification, arrivals: ArrivalWatch, gap_ms_max: int) -> None:
        """`gap_ms_max`: how long a car may be between the loops."""
        self.under = UnderArm()
        self._record = record
        self._car = car
        self._arrivals = arrivals
        self._gap_ms_max = gap_ms_max
        self._gap_ends_ms: int | None = None
        self._has_let_pass = False  # since the arm was down
        self._glimpsed = ""  # the passage for which the arm was up as the photocell alone noticed somebody

    def next_wakeup_ms(self) -> int | None:
        """When the car before ought to have crossed."""
        return self._gap_ends_ms

    def arm_is_down(self, now: Now) -> None:
        """Whoever crosses now has not followed anybody through; nor does the car before cross any more."""
        self._has_let_pass = False
        if self._car.before is not None and not self.under.occupied:
            self.before_has_gone(now)
            self._car.withdrawals_due(now)

    def next_has_come(self, now: Now) -> None:
        """The next car is there while the one that may pass is between the loops, or has backed out. There is no room
        for two between them: one that was before that has gone."""
        self.before_has_gone(now)
        before, self._car.passage = self._car.passage, Passage()
        self._car.before = before
        before.crosses_by_ms = before.crosses_by_ms or now.mono_ms + self._gap_ms_max
        self._gap_ends_ms = before.crosses_by_ms

    def next_has_gone(self, now: Now) -> int:
        """The next car is not there any more: the lane has to do with the one before again, which is to have crossed by
        the instant that is returned."""
        ends_ms, self._gap_ends_ms = self._gap_ends_ms or now.mono_ms, None
        before, self._car.before = self._car.before, None
        assert before is not None, "it was there"
        self._car.passage = before
        return max(ends_ms, now.mono_ms)

    def gap_is_over(self, now: Now) -> bool:
        """Whether the car before has not crossed in time, by now."""
        if self._gap_ends_ms is None or now.mono_ms < self._gap_ends_ms:
            return False
        if self.under.loop:  # that car is there, perhaps
            self._gap_ends_ms = now.mono_ms + self._gap_ms_max
            return False
        self.before_has_gone(now)
        self._car.withdrawals_due(now)
        return True

    def has_gone(self, now: Now) -> None:
        """The car that may pass has left the arrival loop, and was not seen to cross in time."""
        passage = self._car.passage
        passage.has_gone = passage.is_over = True
        if self._gone(passage, now):
            self._car.begin(Passage(), now)

    def cleared(self, now: Now, *, arrival: bool, for_everyone: bool) -> None:
        """Nothing is on the safety loop any more: a car has crossed, or went back.

        `for_everyone`: the arm is up whoever comes.
        """
        passage, before, crossing = self._car.passage, self._car.before, self.under.crossing
        in_doubt = crossing is Crossing.PERHAPS and passage.may_pass
        if before is not None and self._is_the_one_before(before, crossing):
            either = in_doubt or before.is_unread or (self.under.was_for_everyone and passage.passage_id != "")
            self._the_one_before(now, unseen=either, stays=passage.may_pass and arrival)
            passage.may_have_crossed, passage.is_unread = in_doubt, in_doubt and not for_everyone
        elif in_doubt and not self._arrivals.is_stuck:
            self._has_let_pass = True
            self._record.noted(Noted.IN_DOUBT, passage.passage_id, now)
            self.put_in_doubt(now)
        elif crossing is not Crossing.NOT_CROSSED or for_everyone:
            has_perhaps = crossing is Crossing.PERHAPS and not (passage.may_pass or for_everyone)  # let in by the key
            unseen = passage.is_unread or has_perhaps
            self.complete(now, unseen=unseen, may_pass=passage.may_pass or for_everyone)
            if before is not None:  # most likely: the next one would have had to drive through it
                before.has_gone = True

    def _the_one_before(self, now: Now, *, unseen: bool, stays: bool) -> None:
        """It is the car before that has crossed; `unseen`: it may have been the next one, nobody can tell."""
        if unseen and self._car.before is not None:
            self.may_have_passed(self._car.before, now)
        self._gap_ends_ms, self._has_let_pass = None, True
        self._car.before_crossed(now, unseen=unseen, stays=stays)

    def put_in_doubt(self, now: Now) -> None:
        """The car was under the arm, and has crossed or gone back: whoever stands there now is looked at."""
        self._car.passage.may_have_crossed = self._car.passage.is_unread
        self._car.put_aside(now)

    def settle(self, now: Now, looked: Looked | None = None) -> None:
        """Whether the car has crossed that was in doubt: it has where a look shows another one in its place.

        Else, or where something happens before that look, it counts as passed unseen, and keeps its ticket: it may have
        gone back, or its plate may be in view still as it drives off. So does one that was let pass before a restart,
        and finds the arm up (`is_unread`); one that finds it closed has most likely not crossed: where nobody can say
        who stands there, somebody has to look.
        """
        doubted, self._car.doubted = self._car.doubted, None
        if doubted is None:
            return
        is_sure = looked is not None and looked.is_sure and doubted.is_known
        is_another = looked is not None and self._car.is_another(doubted, looked, now)
        if doubted.may_have_crossed and (is_another or (doubted.is_unread and not is_sure)):
            self._passed_unseen(doubted, now)
        elif doubted.may_have_crossed:
            if not is_sure:
                self.may_have_passed(doubted, now)
            self._record.noted(Noted.NOT_DRIVEN, doubted.passage_id, now)  # it does not go on with another restart
        elif is_another:
            self._arrivals.another_came()
            self._record.passage(doubted.passage_id, doubted.judgement, now)
        else:
            self._arrivals.never_free(now)
            self._passed_unseen(doubted, now)
        self._car.withdrawals_due(now)

    def glimpse(self, now: Now, *, arrival: bool, for_everyone: bool) -> None:
        """Somebody was in the photocell: on foot, or the car that is between the loops where the safety loop is silent.
        The gap's end tells; where the arm stays up anyway it begins here, unless it has begun."""
        let_pass = self._car.before or (None if arrival else self._car.passage)
        if let_pass is None or not let_pass.may_pass or let_pass.is_awaited:
            return
        self._glimpsed = let_pass.passage_id
        if for_everyone and let_pass is self._car.passage:
            self.leaves_an_open_arm(now)

    def _is_the_one_before(self, before: Passage, crossing: Crossing) -> bool:
        """Whether it is the car before that has crossed: the next one stands there still, or may not pass and has gone
        back. Who was let pass before a restart has most likely crossed then, and this is the next one."""
        if crossing is Crossing.NOT_CROSSED:
            return self.under.arm_had_risen
        return crossing is Crossing.PERHAPS or not (self._car.passage.may_pass or before.may_have_crossed)

    def complete(self, now: Now, *, unseen: bool, may_pass: bool) -> None:
        """The car has crossed; where it may not, and the arm was up for another, it has followed that one through."""
        self.recognise_before(now)
        passage_id = self._car.completed(now, unseen=unseen)
        if self._has_let_pass and not may_pass:
            self._record.noted(Noted.TAILGATED, passage_id, now)
        self._has_let_pass = True

    def settle_before(self, now: Now) -> None:
        """Whatever is under the arm has been there for too long: it is the car before, if there is one."""
        before, self._car.before, self._gap_ends_ms = self._car.before, None, None
        if before is not None:
            self._record.passage(before.passage_id, before.judgement, now, unseen=True)
            self._has_let_pass = True

    def before_has_gone(self, now: Now) -> None:
        """It is not between the loops, or may not pass."""
        before, self._car.before, self._gap_ends_ms = self._car.before, None, None
        if before is not None:
            self._gone(before, now)

    def was_there(self, now: Now) -> bool:
        """Whether the loop had only lost the car that may pass, for a moment, and not the next one behind it."""
        crosses_by_ms = self._car.passage.crosses_by_ms
        left_ms = None if crosses_by_ms is None else crosses_by_ms - self._gap_ms_max
        return self._arrivals.dropped_out and (left_ms is None or now.mono_ms - left_ms < MOMENT_MS)

    def comes_back(self) -> bool:
        """The loop had only lost the car before: whether that is the one which stands there."""
        if self._car.before is None or self._car.passage.passage_id:
            return False
        self._car.passage, self._car.before, self._gap_ends_ms = self._car.before, None, None
        self._car.passage.crosses_by_ms = None
        return True

    def recognise_before(self, now: Now) -> None:
        """Where the car that stands there may pass on the right of the one before, it is that one, and went back."""
        before, reservation_id = self._car.before, self._car.passage.reservation_id
        if before is not None and reservation_id is not None and before.reservation_id == reservation_id:
            self._car.before, self._gap_ends_ms = None, None
            self._record.noted(Noted.BACKED_OUT, before.passage_id, now)

    def leaves_an_open_arm(self, now: Now) -> None:
        """Whoever has left the arrival loop, while the arm is up for everyone, has driven or gone back."""
        self._car.step_aside(now)
        self.next_has_come(now)

    def _gone(self, passage: Passage, now: Now) -> bool:
        """A car has left the arrival loop for an open arm, and has not been seen to cross; whether it counts as passed:
        it was let pass before a restart, the photocell has seen it, or the safety loop notices nobody."""
        if self._arrivals.chatters:
            self._record.noted(Noted.BACKED_OUT, passage.passage_id, now)
            return False
        if passage.passage_id == self._glimpsed or (passage.may_pass and self.under.is_unnoticed):
            self._record.alarm("safety-loop-silent", "a car has crossed, and the safety loop has not noticed it", now)
            self._record.passage(passage.passage_id, passage.judgement, now, unseen=True)
            return True
        if self.under.left_unnoticed() == UNNOTICED_MAX:
            detail = f"{UNNOTICED_MAX} cars in a row have left an open arm, and the safety loop has noticed none"
            self._record.alarm("safety-loop-silent", detail, now)
        if not passage.may_have_crossed and not self.under.is_silent:
            self._record.noted(Noted.BACKED_OUT, passage.passage_id, now)
            return False
        self._passed_unseen(passage, now)
        return True

    def _passed_unseen(self, passage: Passage, now: Now) -> None:
        self.may_have_passed(passage, now)
        self._record.passage(passage.passage_id, passage.judgement, now, unseen=True)

    def may_have_passed(self, passage: Passage, now: Now) -> None:
        """An alarm: somebody has to see whether its car is inside."""
        self._record.alarm("passage-unseen", f"{passage.car} may have passed unseen: passage {passage.passage_id}", now)
