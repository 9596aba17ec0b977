"""Depthwise layers with channels side by side in vectors."""
