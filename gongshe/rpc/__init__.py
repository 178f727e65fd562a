"""The room with JSON-RPC sockets."""
