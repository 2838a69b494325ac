"""Plates that nobody has: to fill a list of expected plates when the reader is measured."""

from random import Random
from string import ascii_uppercase, digits

from domain.plate import Plate

_PATTERNS = ("AA999AA", "AA99AAA", "A999AAA", "AAA9A99", "999AAA", "AAA999", "AAA9999", "9AAA999", "AA9A9A", "AA9999AA")
"""A for a letter, 9 for a digit: Italy and France, Britain, Spain's elders, Brazil, five of the USA, Poland."""

_LOOK_ALIKES = ("0DQ", "8B3", "5S", "2Z", "17LT", "6GC", "UVY", "MNHW", "EF", "KX", "PR", "4A")
"""Signs that are mistaken for each other on plates. O and 0, I and 1 are not: they count as one sign everywhere."""


def made_up(random: Random) -> Plate:
    """Draw a plate of a usual pattern."""
    pattern = random.choice(_PATTERNS)
    return Plate("".join(random.choice(ascii_uppercase if sign == "A" else digits) for sign in pattern))


def look_alikes(plate: Plate) -> list[Plate]:
    """The plates that differ in one sign, and that one easily mistaken; none where no sign of the plate is."""
    text = plate.folded
    twins = dict.fromkeys(
        text[:at] + other + text[at + 1 :]
        for at, sign in enumerate(text)
        for group in _LOOK_ALIKES
        if sign in group
        for other in group
        if other != sign
    )
    return [Plate(twin) for twin in twins]
