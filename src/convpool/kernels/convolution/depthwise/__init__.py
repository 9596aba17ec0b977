"""Depthwise layers over planes of memory: each plane of the input makes one of the output."""
