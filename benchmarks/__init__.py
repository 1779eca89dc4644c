"""Speed, measured: the engine against the loop that one would write first, and the cost as sizes grow. `make bench`."""
