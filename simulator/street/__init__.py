"""The street before a gate: cars, plates and what the gate's camera sees of them, all drawn from a seed."""
