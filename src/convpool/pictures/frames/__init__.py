"""What a layer does, step by step, as values: the one stream that every picture is drawn from."""

from convpool.pictures.frames.film import film
from convpool.pictures.frames.frame import Film, Frame, Note, Place, Term
from convpool.pictures.frames.text import number_text

__all__ = ["Film", "Frame", "Note", "Place", "Term", "film", "number_text"]
