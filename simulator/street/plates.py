"""Number plates as they are hung on cars: how each country forms and groups its signs.

The groups follow the countries' own rules as far as a picture shows them (Germany FZV 8 and Anlage 4, France SIV,
Netherlands sidecodes 9 and 10, United Kingdom since 2001); which combinations were ever issued is not followed.
"""

import random
import re
from dataclasses import dataclass
from enum import Enum

from domain.plate import Plate

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FRENCH = "ABCDEFGHJKLMNPQRSTVWXYZ"  # no I, O, U
DUTCH = "BDFGHJKLNPRSTVXZ"  # consonants, so that no words come out
BRITISH = "ABCDEFGHJKLMNOPRSTUVWXYZ"  # no I, Q
GERMAN_DISTRICTS = ("B", "F", "K", "M", "S", "HH", "KA", "LE", "MS", "DA", "KI", "BN", "ERH", "FRG", "HEI", "OAL")


class Style(Enum):
    """Whose plate it is."""

    DE = "de"
    FR = "fr"
    NL = "nl"
    UK = "uk"
    US = "us"
    PLAIN = "plain"  # white, no band, any signs


class Shape(Enum):
    """On what it hangs."""

    LONG = "long"  # one row of signs, as most cars have it
    TWO_ROWS = "two rows"  # for off-road cars and vans, where there is no room for a long one
    MOTORCYCLE = "motorcycle"  # two rows of smaller signs


# What each style's plates look like, group by group; PLAIN takes whatever no other style would form.
_GROUPS = {
    Style.FR: re.compile(rf"([{FRENCH}]{{2}})(\d{{3}})([{FRENCH}]{{2}})"),
    Style.UK: re.compile(rf"([{BRITISH}]{{2}}\d{{2}})([{BRITISH}]{{3}})"),
    Style.NL: re.compile(rf"([{DUTCH}]{{1,2}})(\d{{3}})([{DUTCH}]{{1,2}})"),
    Style.DE: re.compile(rf"({'|'.join(sorted(GERMAN_DISTRICTS, key=len))})([A-Z]{{1,2}})([1-9]\d{{0,3}})"),
    Style.US: re.compile(r"([A-Z]{3})(\d{4})"),
    Style.PLAIN: re.compile(r"([A-Z0-9]+?)([0-9]*)"),
}
_BY_HABIT = (Style.FR, Style.UK, Style.NL, Style.DE, Style.PLAIN)  # US plates only where asked for


@dataclass(frozen=True, slots=True)
class NumberPlate:
    """A plate and how it is set: its style, its signs in groups, and its shape."""

    plate: Plate
    style: Style
    groups: tuple[str, ...]
    shape: Shape = Shape.LONG

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """The groups row by row, from top to bottom."""
        if self.shape is Shape.LONG or len(self.groups) == 1:
            return (self.groups,)
        split = len(self.groups) - 1 if self.style is Style.FR else 1
        return self.groups[:split], self.groups[split:]

    @classmethod
    def of(cls, plate: Plate, style: Style | None = None, shape: Shape = Shape.LONG) -> "NumberPlate":
        """Set `plate` in the style it fits, or in `style`; one that does not fit that style becomes PLAIN."""
        for tried in _BY_HABIT if style is None else (style, Style.PLAIN):
            match = _GROUPS[tried].fullmatch(plate.open)
            if match is not None:
                return cls(plate, tried, tuple(group for group in match.groups() if group), shape)
        raise AssertionError("PLAIN fits every plate")


def draw_plate(rng: random.Random, style: Style | None = None, shape: Shape = Shape.LONG) -> NumberPlate:
    """A plate that `style` could have issued; without one, a European style is drawn too."""
    if style is None:
        style = rng.choice(_BY_HABIT)
    match style:
        case Style.DE:
            district = rng.choice(GERMAN_DISTRICTS)
            letters = _signs(rng, LETTERS, rng.randint(1, 2))
            text = district + letters + str(rng.randint(10, 9_999 if len(district + letters) < 5 else 999))
        case Style.FR:
            text = _signs(rng, FRENCH, 2) + _signs(rng, DIGITS, 3) + _signs(rng, FRENCH, 2)
        case Style.NL:
            first = rng.randint(1, 2)
            text = _signs(rng, DUTCH, first) + _signs(rng, DIGITS, 3) + _signs(rng, DUTCH, 3 - first)
        case Style.UK:
            text = _signs(rng, BRITISH, 2) + f"{rng.randint(2, 76):02}" + _signs(rng, BRITISH, 3)
        case Style.US:
            text = _signs(rng, LETTERS, 3) + _signs(rng, DIGITS, 4)
        case Style.PLAIN:
            text = _signs(rng, LETTERS, rng.randint(2, 3)) + _signs(rng, DIGITS, rng.randint(3, 4))
    return NumberPlate.of(Plate(text), style, shape)


def _signs(rng: random.Random, alphabet: str, count: int) -> str:
    return "".join(rng.choices(alphabet, k=count))
