"""The cabinet that the gate's computer and relays are in, by the tamper contact of its door."""

from hardware.contact import Contact


class Cabinet(Contact):
    """One cabinet; `when_changed` is called with the new `open` (see `Contact`)."""

    @property
    def open(self) -> bool:
        """Whether the door is open; on a normally closed contact also when the cable is cut."""
        return self.active
