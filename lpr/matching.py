"""Which of the expected plates did the reader see? By how probable the image makes each of them.

The score of a plate is the logarithm of its CTC forward probability (the sum over every way in which the columns
can spell it; Graves et al. 2006, section 4.1) less that of the single best path through the columns: about 0 for the
plate that was read, and the lower the more of the picture would have to be explained away. O counts as 0 and
I as 1. Nothing is added for look-alikes beyond that: the columns know better, and spreading probability over
look-alikes lets strangers in.

What is decided:

* accept: the best plate scores at least `accept_score` and leads the next one by at least `accept_lead`.
* refuse: a typical plate was read clearly (at least `clear_signs` signs and `clear_confidence`) and even the best
  expected plate scores below `refuse_score`. With no plate expected every clear read is refused.
* ask: everything else. Nothing was read, or not clearly; or two plates fit; or one may be it, between both scores.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from domain.plate import Plate
from lpr.reader import BLANK, SIGNS, Sighting


class Decision(Enum):
    """What the plate alone says about the car."""

    ACCEPT = "accept"  # one expected plate, surely
    ASK = "ask"  # not sure: the QR code, or an attendant
    REFUSE = "refuse"  # a clear read, and none of the expected plates


@dataclass(frozen=True, slots=True)
class Match:
    """What one frame, or a whole passage, says.

    `plate` is the expected plate that was seen (accept) or may have been seen (ask), else None. `score` is that of the
    best expected plate, minus infinity where none is possible; `lead` is this score less that of the next plate,
    infinity where there is no other.
    """

    decision: Decision
    plate: Plate | None
    score: float
    lead: float


@dataclass(frozen=True, slots=True)
class Rule:
    """The thresholds: scores and leads in natural logarithms of probability, confidence 0..1.

    Chosen on 166 photographs (half of OpenALPR's European and US sets) among 2,000 expected plates. An `accept_score`
    of -2, -3, -5 accepts .952, .964, .970 of the right plates; of cars whose plate is one look-alike sign off an
    expected one it lets in .017, .026, .069; with random lists nobody. Where the read was clear the right plate never
    scored below -15, and nine tenths of strangers' cars are read clearly and score below -20.
    """

    accept_score: float = -3.0
    accept_lead: float = 2.0
    refuse_score: float = -20.0
    clear_confidence: float = 0.9
    clear_signs: int = 5


RULE = Rule()

NOTHING = Match(Decision.ASK, None, -math.inf, math.inf)
"""What a frame says in which nothing plate-like was seen."""

SIGHTINGS_MAX = 5
"""Lines of one frame that are scored; more of them are lettering."""


class Expected:
    """The plates that a gate has reason to expect, laid out for scoring. Immutable.

    Plates that differ only in O/0 and I/1 are one plate here, as they are one to whoever looks a sealed plate up;
    the first one given stands for them.
    """

    def __init__(self, plates: Iterable[Plate]) -> None:
        by_folded: dict[str, Plate] = {}
        for plate in plates:
            by_folded.setdefault(plate.folded, plate)
        self.plates = tuple(by_folded.values())
        self._length = np.array([len(text) for text in by_folded], dtype=np.intp)
        # Sign i of plate j stands at [i, j], so that one step of the recursion is a few sums of whole rows. What
        # follows the end of a shorter plate is never read.
        self._signs = np.zeros((self._length.max(initial=0), len(self.plates)), dtype=np.intp)
        for j, text in enumerate(by_folded):
            self._signs[: len(text), j] = [SIGNS.index(sign) for sign in text]
        self._differs = (self._signs[1:] != self._signs[:-1]).astype(np.float64)

    def scores(self, log_probs: NDArray[np.float32]) -> NDArray[np.float64]:
        """The score of each of `plates`, in their order, given one line's columns (T x 37).

        Divides each column by its best sign first, so that the best path is 1 and the forward probability needs no
        logarithms on the way; what underflows a double (a score below -700) is minus infinity.
        """
        on = np.zeros(self._signs.shape)  # probability of all paths so far that end on sign i ...
        off = np.zeros((len(self._signs) + 1, len(self.plates)))  # ... and on the blank before it
        off[0] = 1.0
        arriving, stepping = np.empty_like(on), np.empty_like(self._differs)  # for thousands of plates room is dear
        for column in _folded_to_best_path(log_probs):
            np.add(on, off[:-1], out=arriving)
            np.multiply(on[:-1], self._differs, out=stepping)  # equal signs in a row need a blank between them
            arriving[1:] += stepping
            off[1:] += on
            off *= column[BLANK]
            np.take(column, self._signs, out=on, mode="clip")
            on *= arriving
        each = np.arange(len(self.plates))
        with np.errstate(divide="ignore"):
            return np.log(on[self._length - 1, each] + off[self._length, each])


def _folded_to_best_path(log_probs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities with O added to 0 and I to 1, each column relative to its greatest (T x 37)."""
    columns = np.exp(log_probs.astype(np.float64))
    for letter, digit in (("O", "0"), ("I", "1")):
        columns[:, SIGNS.index(digit)] += columns[:, SIGNS.index(letter)]
    relative: NDArray[np.float64] = columns / columns.max(axis=1, keepdims=True)
    return relative


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What was sighted in one frame, the likeliest plate first, and the score of each expected plate in it.

    A plate's score is the best that any of the sightings gives it.
    """

    sightings: Sequence[Sighting]
    expected: Expected
    scores: NDArray[np.float64] = field(repr=False)


def scored(sightings: Sequence[Sighting], expected: Expected) -> Scored:
    """Score what a PlateReader gives of a frame, up to SIGHTINGS_MAX of it."""
    seen = sightings[:SIGHTINGS_MAX]
    nothing = np.full(len(expected.plates), -math.inf)
    return Scored(seen, expected, np.max([nothing, *(expected.scores(each.log_probs) for each in seen)], axis=0))


def match(frame: Scored, rule: Rule = RULE) -> Match:
    """Decide on what was sighted in one frame.

    Two expected cars in one view leave no lead, and are asked for. Does not vote over frames: see lpr.voting.
    """
    if not frame.sightings:
        return NOTHING
    plate, score, lead = best(frame.expected.plates, frame.scores)
    if score >= rule.accept_score and lead >= rule.accept_lead:
        return Match(Decision.ACCEPT, plate, score, lead)
    if score < rule.refuse_score and any(_is_clear(sighting, rule) for sighting in frame.sightings):
        return Match(Decision.REFUSE, None, score, lead)
    return Match(Decision.ASK, plate if score >= rule.refuse_score else None, score, lead)


def best(plates: Sequence[Plate], scores: NDArray[np.float64]) -> tuple[Plate | None, float, float]:
    """The best plate, its score and its lead over the next; no plate where none is possible at all."""
    order = np.argsort(scores)
    if not len(order) or scores[order[-1]] == -math.inf:
        return None, -math.inf, math.inf
    best, next_best = order[-1], order[-2:-1]
    lead = float((scores[best] - scores[next_best]).min(initial=math.inf))
    return plates[best], float(scores[best]), lead


def _is_clear(sighting: Sighting, rule: Rule) -> bool:
    return sighting.typical and sighting.confidence >= rule.clear_confidence and len(sighting.text) >= rule.clear_signs
