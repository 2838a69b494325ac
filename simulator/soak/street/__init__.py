"""The street soak: half an hour of cars at two lots of real processes, with faults at random instants."""
