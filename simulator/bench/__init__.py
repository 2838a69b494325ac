"""`gatehouse bench`: the project's own figures, beside what a user would pick instead."""
