"""Money: integer minor units and a currency, never a float."""

import re
from dataclasses import dataclass

_CURRENCY = re.compile(r"[A-Z]{3}")
_MINOR_DIGITS = {  # ISO 4217 exponents other than 2
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW"), 0),
    **dict.fromkeys(("PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the currency's minor unit (cents for EUR); may be negative in a ledger only."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if not _CURRENCY.fullmatch(self.currency):
            raise ValueError("a currency is an ISO 4217 code, such as EUR")

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount_minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount_minor - self._same(other), self.currency)

    def share(self, part: int, whole: int) -> "Money":
        """`part / whole` of this amount, rounded down to a whole minor unit."""
        return Money(self.amount_minor * part // whole, self.currency)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up")
        return other.amount_minor

    def __str__(self) -> str:
        digits = _MINOR_DIGITS.get(self.currency, 2)
        sign, (whole, rest) = "-" * (self.amount_minor < 0), divmod(abs(self.amount_minor), 10**digits)
        fraction = f".{rest:0{digits}}" if digits else ""
        return f"{sign}{whole}{fraction} {self.currency}"
