"""Where bytes rest: databases, the state trie, blocks and states."""
