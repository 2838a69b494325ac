"""What a gate's unit file sets for its process, for gates that are measured where no systemd starts them."""

GATE = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "1048576"}
