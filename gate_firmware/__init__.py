"""The gate unit: one lane, deciding alone from its own replica."""
