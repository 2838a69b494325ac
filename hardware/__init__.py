"""One lane's devices on gpiozero, and beside them the simulated twin of the lane they stand in."""
