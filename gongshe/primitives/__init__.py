"""Types, codec, crypto: the words every other room shares."""
