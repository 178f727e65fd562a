"""The node of the Trusted Commercial DC (可信商业数字公社)."""
