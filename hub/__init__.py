"""The lot's authority over its spots, and the attendants' page."""
