"""The contact of a fire alarm system."""

from hardware.contact import Contact


class FireAlarm(Contact):
    """One fire alarm contact; `when_changed` is called with the new `alarmed` (see `Contact`)."""

    @property
    def alarmed(self) -> bool:
        """Whether there is an alarm; on a normally closed contact also when its cable is cut."""
        return self.active
