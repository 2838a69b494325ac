"""An induction loop in the lane, through the relay contact of its detector."""

from hardware.contact import Contact


class Loop(Contact):
    """One loop; `when_changed` is called with the new `occupied` (see `Contact` for thread and debouncing)."""

    @property
    def occupied(self) -> bool:
        """Whether a vehicle stands on the loop; on a normally closed contact also when the cable is cut."""
        return self.active
