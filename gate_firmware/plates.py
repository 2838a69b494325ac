"""Whether the plate that was seen is the one that a ticket or a booking names."""

from cloud_sync.link.seal import Seal
from domain.now import Now
from domain.plate import Plate
from gate_firmware.events import Looked, Sight
from gate_firmware.replica import Replica
from lpr.reader import SIGNS

PLATE_SIGNS = range(2, 11)
"""How many signs a plate has."""


class Plates:
    """Compares what was seen with marks: the HMAC of a booking's plate, or the part of it that a ticket carries."""

    def __init__(self, replica: Replica, seal: Seal) -> None:
        self._replica = replica
        self._seal = seal

    def is_this(self, mark: str, seen: Looked) -> bool:
        """Whether the plate that was read has this mark."""
        return seen.plate is not None and self._has(mark, seen.plate)

    def is_another(self, mark: str, reservation_id: str | None, seen: Looked, now: Now) -> bool:
        """Whether surely another plate was read than the one with this mark, which the reservation is for, if any."""
        if self.is_this(mark, seen) or not seen.is_sure:
            return False
        if reservation_id is not None and self._replica.expects(reservation_id, now):
            return True  # the reader was asked about this very plate
        return seen.plate is not None and not self._is_nearly(mark, seen.plate)

    def is_taken_for_another(self, mark: str, reservation_id: str, seen: Looked, now: Now) -> bool:
        """Whether an expected plate was read that may well be this one: the reader was not asked about this one."""
        if seen.sight is not Sight.KNOWN or self.is_this(mark, seen):
            return False
        return not self.is_another(mark, reservation_id, seen, now)

    def _is_nearly(self, mark: str, plate: Plate) -> bool:
        """A clear read of a plate that was not expected may have one of its signs wrong."""
        return any(self._has(mark, near) for near in nearly(plate))

    def _has(self, mark: str, plate: Plate) -> bool:
        return self._seal.mark(plate).startswith(mark)


def nearly(plate: Plate) -> list[Plate]:
    """The plates that differ from `plate` in one sign substituted, added or missing: some 700 at most."""
    text, cuts = plate.open, range(len(plate.open) + 1)
    texts = {text[:cut] + text[cut + 1 :] for cut in cuts}
    texts |= {text[:cut] + sign + text[cut + 1 :] for cut in cuts for sign in SIGNS}
    texts |= {text[:cut] + sign + text[cut:] for cut in cuts for sign in SIGNS}
    by_folded = {near.folded: near for near in (Plate(text) for text in texts if len(text) in PLATE_SIGNS)}
    return list(by_folded.values())
