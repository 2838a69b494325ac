"""Who is let in: photographs whose plates are known, matched against made-up lists, at any accept threshold."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from domain.plate import Plate
from lpr.made_up_plates import look_alikes, made_up
from lpr.matching import RULE, Expected, Match, best, match, scored
from lpr.reader import Sighting
from lpr.stopwatch import Stopwatch
from lpr.voting import Vote

SEED = 20250101
"""Draws the same made-up plates in every run."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One photograph matched against three lists: what it comes to, and up to which accept threshold it is let in.

    `listed` is the match with the true plate on the list, `right` the score at which it is accepted as that plate. With
    the true plate not on the list, `stranger` is the score at which it is accepted as any of many made-up plates, and
    `look_alikes` as each of those that differ in a sign of similar shape. Minus infinity where no threshold lets it
    in: another plate fits better, or as well. `stages_ms` is what the match with the first list took, and its vote.
    """

    listed: Match
    is_right: bool
    right: float
    stranger: float
    look_alikes: tuple[float, ...]
    stages_ms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LetIn:
    """Rates of those who are let in at one accept threshold: the right cars, strangers, and look-alikes of a plate."""

    score: float
    right: float
    stranger: float
    look_alike: float

    @classmethod
    def at(cls, score: float, tried: Sequence[Trial]) -> "LetIn":
        """Of these photographs, each counted once, however many look-alikes its plate has."""
        right = sum(trial.right >= score for trial in tried)
        stranger = sum(trial.stranger >= score for trial in tried)
        twins = sum(
            sum(twin >= score for twin in trial.look_alikes) / len(trial.look_alikes)
            for trial in tried
            if trial.look_alikes
        )
        return cls(score, right / len(tried), stranger / len(tried), twins / len(tried))


def trials(seen: Sequence[tuple[Sequence[Sighting], Sequence[Plate]]], expected: int) -> list[Trial]:
    """Match what was sighted in each photograph, whose true plates are given, against lists of `expected` plates.

    All photographs' true plates are expected together.
    """
    random = Random(SEED)  # noqa: S311 - to measure with, not to keep secrets
    true = dict.fromkeys(plate for _, plates in seen for plate in plates)
    strangers = _strangers(expected, {plate.folded for plate in true}, random)
    everybody = Expected([*true, *strangers][: max(expected, len(true))])
    nobody = Expected(strangers)
    return [_trial(sightings, plates, everybody, nobody) for sightings, plates in seen]


def _trial(sightings: Sequence[Sighting], true: Sequence[Plate], everybody: Expected, nobody: Expected) -> Trial:
    stopwatch = Stopwatch()
    with stopwatch.stage("match"):
        frame = scored(sightings, everybody)
        listed = match(frame)
    with stopwatch.stage("vote"):
        Vote().add(listed)
    plate, score, lead = best(everybody.plates, frame.scores)
    is_right = plate is not None and plate.folded in {each.folded for each in true}
    among = scored(sightings, nobody)
    _, stranger, stranger_lead = best(nobody.plates, among.scores)
    twins = Expected(twin for each in true for twin in look_alikes(each))
    return Trial(
        listed=listed,
        is_right=is_right,
        right=_if_leading(score if is_right else -math.inf, lead),
        stranger=_if_leading(stranger, stranger_lead),
        look_alikes=tuple(_if_leading(twin, twin - stranger) for twin in scored(sightings, twins).scores.tolist()),
        stages_ms=stopwatch.ms,
    )


def _if_leading(score: float, lead: float) -> float:
    return score if lead >= RULE.accept_lead else -math.inf


def _strangers(count: int, folded_not: set[str], random: Random) -> list[Plate]:
    plates: dict[str, Plate] = {}
    while len(plates) < count:
        plate = made_up(random)
        if plate.folded not in folded_not:
            plates[plate.folded] = plate
    return list(plates.values())
