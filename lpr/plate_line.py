"""Which line of text in a picture is a plate? Most of what a camera reads is not."""

import re

_DATE_OR_TIME = re.compile(
    r"""
    \d{1,4} ([-/.]) \d{1,2} \1 \d{0,4}                                            # 2014-05-14, 14.5.14
    | \d{1,2} : \d{2} (: \d{2})? \s* ([AP]M)?                                     # 06:58:58, 6:58 PM
    | \d{1,2} \s* (JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC) \s* \d{2,4}   # 14 MAY 2014
    """,
    re.VERBOSE | re.IGNORECASE,
)

_STROKES = frozenset("1IL")


def may_be_plate(signs: str) -> bool:
    """Whether a line of A-Z and 0-9 is worth matching at all: 2 to 10 of them, as in domain.plate, and not of strokes
    alone, as which the bars of a fence are read (III)."""
    return 2 <= len(signs) <= 10 and not set(signs) <= _STROKES


def is_typical_plate(signs: str, as_printed: str, *, on_a_plate: bool = False) -> bool:
    """Whether a line is believed to be a plate before anything is known of the plates that are expected.

    It has four to nine signs, a letter and a digit among them, and is no date or time. `signs` is the line reduced to
    A-Z and 0-9; `as_printed` still has the dots, dashes and colons by which a date is told. Says no to vanity plates
    without a digit and to plates without a letter: nothing tells these from lettering, telephone numbers and the
    camera's own clock, except that one of them is expected. `on_a_plate` says that the line stands on what looks like
    a plate: digits alone are enough then.
    """
    return (
        4 <= len(signs) <= 9
        and any(sign.isdigit() for sign in signs)
        and (on_a_plate or any(sign.isalpha() for sign in signs))
        and not _DATE_OR_TIME.fullmatch(as_printed.strip())
    )
