"""Who may speak: slots, fork choice, finality."""
