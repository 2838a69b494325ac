"""From the frames of one passage to one decision, so that one early far-away read cannot win.

An accepted frame is a vote for its plate, one beyond doubt counts twice. A plate needs VOTES more than all other plates
together: two frames that agree, or a single one beyond doubt; after a contradiction it takes one more.

Where no frame is beyond doubt, agreeing is not enough. The probabilities of the two frames that show the plate best are
combined, which adds up their scores, and together they have to reach what a single frame must to be accepted: a
stranger whose plate is one sign off an expected one is half read as that one now and then, but seldom twice so well.
Two frames and no more, because those of a car that stands still err all in the same way: twelve say no more than two.

A clear read of none of the expected plates refuses only when the passage is over, because a car that comes nearer is
read better. So, when no plate has won by the end:

* accept, at an exit, the one plate that any frame was accepted for: the car leaves anyway, and whose stay ends is all
  that is at stake;
* ask, for the plate with the most votes, if any frame was accepted;
* refuse, if more frames refused than found a plate that may be it;
* ask, for the plate with the best score, or for none if nothing was read.
"""

from collections import Counter

from domain.plate import Plate
from lpr.matching import NOTHING, RULE, Decision, Match

VOTES = 2
"""By how many votes a plate must lead all others to be let in."""

SURE_SCORE = -0.2
SURE_LEAD = 8.0
"""A frame whose score and lead are at least these is beyond doubt: nineteen of twenty frames that are accepted at all.

Of strangers whose plate is one look-alike sign off an expected one, .002 pass for it (measured as matching.Rule).
"""

COMBINED = 2
"""Frames whose probabilities are combined.

So combined, nearly a third fewer look-alikes get in than by votes alone, and hardly a car less (docs/lpr.md). The mean
of all frames, also weighed by how well each was read, and their sum lose more cars for that: early frames are bad.
"""

FRAMES_MAX = 12
"""Frames after which the passage is decided by what there is."""


class Vote:
    """One passage: add the match of each frame until a decision comes back, or close it when no frame follows."""

    def __init__(self, frames_max: int = FRAMES_MAX, *, one_will_do: bool = False) -> None:
        """`one_will_do`: once no frame follows, a single vote decides where no frame was accepted for another plate."""
        assert frames_max > 0
        self._one_will_do = one_will_do
        self._frames_max = frames_max
        self._frames: list[Match] = []
        self._votes: Counter[Plate] = Counter()
        self._settled: Match | None = None

    def add(self, frame: Match) -> Match | None:
        """Count one frame; the decision of the passage if that settles it, else None.

        A settled passage stays settled: later frames change nothing and get the same answer.
        """
        if self._settled:
            return self._settled
        self._frames.append(frame)
        if frame.decision is Decision.ACCEPT and frame.plate:
            self._votes[frame.plate] += VOTES if _is_beyond_doubt(frame) else 1
            leads = 2 * self._votes[frame.plate] - self._votes.total() >= VOTES
            if leads and self._is_borne_out(frame.plate):
                self._settled = self._best_of(frame.plate)
        if not self._settled and len(self._frames) == self._frames_max:
            return self.close()
        return self._settled

    def close(self) -> Match:
        """The decision by what was seen so far, where `add` has not settled it: to accept only if `one_will_do`."""
        if not self._settled:
            self._settled = self._by_best_evidence()
        return self._settled

    def _is_borne_out(self, plate: Plate) -> bool:
        """Whether a frame is beyond doubt, or the best ones together are as probable as a single one has to be."""
        frames = sorted(self._accepted_for(plate), key=_score, reverse=True)
        combined = sum(frame.score for frame in frames[:COMBINED])
        return any(map(_is_beyond_doubt, frames)) or combined >= RULE.accept_score

    def _by_best_evidence(self) -> Match:
        if self._one_will_do and len(self._votes) == 1:
            return self._best_of(next(iter(self._votes)))
        if self._votes:
            favourite = self._best_of(self._votes.most_common(1)[0][0])
            return Match(Decision.ASK, favourite.plate, favourite.score, favourite.lead)
        refused = [frame for frame in self._frames if frame.decision is Decision.REFUSE]
        may_be = [frame for frame in self._frames if frame.decision is Decision.ASK and frame.plate]
        if len(refused) > len(may_be):
            return max(refused, key=_score)
        return max(may_be, key=_score, default=NOTHING)

    def _best_of(self, plate: Plate) -> Match:
        """The frame that was accepted for this plate with the best score."""
        return max(self._accepted_for(plate), key=_score)

    def _accepted_for(self, plate: Plate) -> list[Match]:
        return [one for one in self._frames if one.decision is Decision.ACCEPT and one.plate == plate]


def _is_beyond_doubt(frame: Match) -> bool:
    return frame.score >= SURE_SCORE and frame.lead >= SURE_LEAD


def _score(frame: Match) -> float:
    return frame.score
