"""What it means: the state-transition function and its pallets."""
