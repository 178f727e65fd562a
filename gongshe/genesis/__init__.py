"""Chain specs and the first block."""
