"""The pallets, one file each."""
