"""What a layer does, step by step, as values: the one stream that every picture is drawn from."""

from convpool.pictures.frames.frame import Film, Frame, Note, Place, Term

__all__ = ["Film", "Frame", "Note", "Place", "Term"]
