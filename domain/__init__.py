"""The rules of parking: pure functions and frozen values, no clock, no randomness, no I/O, standard library only."""
