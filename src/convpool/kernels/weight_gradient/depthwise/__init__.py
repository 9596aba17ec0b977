"""Gradients by weights of depthwise layers, over planes of memory."""
