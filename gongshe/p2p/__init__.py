"""The room with peer-to-peer sockets."""
