"""Gradients by weights of layers of narrow groups, over planes of memory."""
