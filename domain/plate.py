"""A number plate, which never shows itself by accident."""

import re
from dataclasses import dataclass

from domain.errors import BadInput

_PLATE = re.compile(r"[A-Z0-9]{2,10}")
_SEPARATORS = re.compile(r"[\s.·\-]+")
_SHOWS_TWO_FROM = 5  # signs; two of fewer would tell most of the plate
_UMLAUTS = str.maketrans("ÄÖÜ", "AOU")
_LOOK_ALIKE = str.maketrans({"O": "0", "I": "1"})


@dataclass(frozen=True, slots=True, repr=False)
class Plate:
    """A plate as A-Z and 0-9 without separators; prints as `••` and its last two signs, a short one as `••` alone.

    Only `open` gives the whole text: grep for it to see where plates are in clear.
    """

    open: str

    def __post_init__(self) -> None:
        if not _PLATE.fullmatch(self.open):
            raise BadInput("plate_invalid", "a plate has 2 to 10 letters A-Z and digits")

    @classmethod
    def parse(cls, text: str) -> "Plate":
        """Take a plate as people write it: any case, with spaces, dashes or dots between the signs.

        German umlauts lose their dots, as readers see them: TÜ is TU. Raises BadInput for anything else; the message
        does not repeat the text.
        """
        return cls(_SEPARATORS.sub("", text.strip()).upper().translate(_UMLAUTS))

    @property
    def folded(self) -> str:
        """The text with O as 0 and I as 1, because plates and their registers mix them."""
        return self.open.translate(_LOOK_ALIKE)

    @property
    def masked(self) -> str:
        """What may be shown: enough to tell two cars in a lane apart, too little to know whose they are."""
        return f"••{self.open[-2:] if len(self.open) >= _SHOWS_TWO_FROM else ''}"

    def __repr__(self) -> str:
        return f"Plate({self.masked})"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class SealedPlate:
    """A plate that only the key's holders can open, and that can be found without opening it.

    `box` is nonce and ciphertext (AES-GCM), `mark` the HMAC of the folded plate; both are hexadecimal.
    """

    box: str
    mark: str
