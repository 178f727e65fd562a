"""One inbox, one conductor; clock, keys, metrics, wiring."""
