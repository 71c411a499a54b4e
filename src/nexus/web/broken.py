"""An answer that cannot be finished: what a door raises so that the connection ends short of the announced length."""


class BrokenAnswerError(Exception):
    """The status has left, and the rest never will: whoever serves the door cuts the connection."""
