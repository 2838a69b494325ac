"""Names of things. Reservation ids are made to be typed by a driver at a keypad in the rain.

A reservation id is nine random characters of Crockford's base 32 and a check character. The check is a weighted sum
over GF(32) with ten distinct non-zero weights, so every single wrong character and every swap of two characters is
found (Wagner and Putter, "Error detecting decimal digits", 1989, for the principle).
"""

import re

from domain.errors import BadInput

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: douglas crockford's base 32
ID_LENGTH = 10
ID_BITS = 5 * (ID_LENGTH - 1)

_AS_TYPED = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_UNIT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}(\.[a-z0-9][a-z0-9-]{0,39})?")
_PRIMITIVE = 0b100101  # x^5 + x^2 + 1


def _times_x(value: int) -> int:
    value <<= 1
    return value ^ _PRIMITIVE if value & 32 else value


def _check(digits: list[int]) -> int:
    """Horner's scheme: digit i is weighted with x^(n-i), all of them distinct for n < 31."""
    total = 0
    for digit in digits:
        total = _times_x(total ^ digit)
    return total


def reservation_id(random_bits: int) -> str:
    """The id made of the lowest 45 of `random_bits`."""
    digits = [random_bits >> 5 * place & 31 for place in range(ID_LENGTH - 1)]
    return "".join(CROCKFORD[digit] for digit in [*digits, _check(digits)])


def parse_reservation_id(text: str) -> str:
    """The id that a person typed: any case, with or without the dash, O for 0 and I or L for 1.

    Raises BadInput where the length, a character or the check character is wrong.
    """
    typed = text.strip().upper().translate(_AS_TYPED)
    digits = [CROCKFORD.find(character) for character in typed]
    if len(digits) != ID_LENGTH or min(digits) < 0 or _check(digits[:-1]) != digits[-1]:
        raise BadInput("reservation_id_invalid", "this is no reservation id; check it for a typing error")
    return typed


def shown(reservation: str) -> str:
    """A reservation id as people read it: 7K3MQ-2XD9P."""
    return f"{reservation[:5]}-{reservation[5:]}"


def is_unit_id(text: str) -> bool:
    """Whether `text` can name a lot (`riverside`) or a gate or spot in it (`riverside.entry-1`).

    Safe in topics, paths and URLs: lower-case letters, digits and dashes.
    """
    return _UNIT_ID.fullmatch(text) is not None
