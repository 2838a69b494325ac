"""What the plates of a country look like, as data (`plate_formats.toml`), and what follows for a doubtful sign.

On many plates O and 0 are one shape, and so are I and 1: only the place where a sign stands tells them. A format is no
proof, and none is asked for: personal, old and foreign plates are believed as they are read.
"""

import re
import tomllib
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from itertools import product

from domain.errors import BadInput
from lpr.frame import Frame
from lpr.reader import PlateReader, Sighting
from lpr.stopwatch import Stopwatch

_SAME_SHAPE = {"0": "0O", "O": "O0", "1": "1I", "I": "I1"}


class PlateFormats:
    """The formats of some countries."""

    def __init__(self, countries: Collection[str]) -> None:
        """`countries` by their codes, `de`. Raises BadInput (`country_unknown`) for one that is not in the table."""
        unknown = [country for country in countries if country not in known_countries()]
        if unknown:
            raise BadInput(
                "country_unknown",
                f"no plate formats are known of {', '.join(unknown)}: take of {', '.join(known_countries())}",
            )
        formats = dict.fromkeys(one for country in countries for one in known_countries()[country])
        self._formats = [_compiled(one) for one in formats]

    def fit(self, text: str) -> bool:
        """Whether a plate of A-Z and 0-9 has one of the formats."""
        return any(one.fullmatch(text) for one in self._formats)

    def settled(self, text: str) -> str:
        """The text with O for 0 or I for 1, or the other way round, where only so it has a format.

        As it is where it has one already, where none can be had, and where two can with as few changes: not sure.
        """
        if self.fit(text):
            return text
        shapes = product(*(_SAME_SHAPE.get(sign, sign) for sign in text))
        fitting = [other for signs in shapes if self.fit(other := "".join(signs))]
        changes = [sum(a != b for a, b in zip(other, text, strict=True)) for other in fitting]
        nearest = [other for other, count in zip(fitting, changes, strict=True) if count == min(changes)]
        return nearest[0] if len(nearest) == 1 else text


class FormatReader:
    """A PlateReader that knows from which countries cars come: their formats settle what O, 0, I and 1 are.

    The probabilities stay as they are, and so does what they are matched with: there O is 0 anyway.
    """

    def __init__(self, reader: PlateReader, formats: PlateFormats, stopwatch: Stopwatch | None = None) -> None:
        """The stopwatch times the stage `formats`."""
        self._reader = reader
        self._formats = formats
        self._stopwatch = stopwatch or Stopwatch()

    def read(self, frame: Frame) -> Sequence[Sighting]:
        """See PlateReader."""
        found = self._reader.read(frame)
        with self._stopwatch.stage("formats"):
            return [self._settled(sighting) for sighting in found]

    def _settled(self, sighting: Sighting) -> Sighting:
        return replace(sighting, text=self._formats.settled(sighting.text)) if sighting.typical else sighting


@cache
def known_countries() -> dict[str, tuple[str, ...]]:
    """The formats of each country, as they are written in the table, by its code."""
    table = tomllib.loads(files("lpr").joinpath("plate_formats.toml").read_text(encoding="utf-8"))
    return {code: tuple(country["formats"]) for code, country in table.items()}


def _compiled(written: str) -> re.Pattern[str]:
    letters_and_digits = {"L": "[A-Z]", "D": "[0-9]"}
    return re.compile(re.sub(r"\[[^]]*\]|[LD]", lambda found: letters_and_digits.get(found[0], found[0]), written))
