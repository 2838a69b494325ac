"""The restore drill: a disk is lost under load and comes back from its backup, and nothing acknowledged may be lost."""
