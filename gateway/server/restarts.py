"""When to start a dead child again: at once, then later and later, until it has lived for a while."""

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 10.0
# A child that has lived this long was well, whatever ended it.
WELL_AFTER_S = 30.0


class Restarts:
    """The deaths of one child in a row; times are monotonic seconds."""

    def __init__(self) -> None:
        self.deaths = 0
        self.due = 0.0
        self._started = 0.0

    def started(self, now: float) -> None:
        """Note that the child runs."""
        self._started = now

    def died(self, now: float) -> None:
        """Note that it has ended, and set when it is due again."""
        self.deaths = 1 if now - self._started > WELL_AFTER_S else self.deaths + 1
        delay = FIRST_DELAY_S * 2 ** (self.deaths - 2) if self.deaths > 1 else 0.0
        self.due = now + min(delay, LONGEST_DELAY_S)
