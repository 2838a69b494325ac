"""What our own plate finder is trained on, and how: drawn scenes only, never a photograph."""
