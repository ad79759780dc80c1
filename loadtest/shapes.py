"""
How the number of users goes, beside Locust's own "Default", which is the steady one: all of them as fast as the spawn rate allows,
then as many until the end. Users, spawn rate and run time are those of the page or the command line.
"""

from __future__ import annotations

from locust import LoadTestShape
from locust.util.timespan import parse_timespan

NUMBER_OF_STEPS = 5
BASE_SHARE = 0.2


class Shape(LoadTestShape):
    abstract = True
    use_common_options = True
    default_seconds = 300

    def users(self, done: float, most: int) -> float:
        """How many at a moment, which is given as the share of the run that is over."""
        raise NotImplementedError

    def rate(self, asked: float, most: int, seconds: float) -> float:
        return asked

    def tick(self):
        options = self.runner.environment.parsed_options
        most = options.num_users or 1
        seconds = options.run_time or self.default_seconds
        if isinstance(seconds, str):
            # The page gives it as it was typed.
            seconds = parse_timespan(seconds)
        done = self.get_run_time() / seconds
        if done >= 1:
            return None
        return max(1, round(self.users(done, most))), self.rate(options.spawn_rate or 1, most, seconds)


class Steps(Shape):
    """Five steps of equal length, the last one with all users: from where on does it become slow?"""

    def users(self, done, most):
        return most * (int(done * NUMBER_OF_STEPS) + 1) / NUMBER_OF_STEPS


class Spike(Shape):
    """A fifth of the users, in the middle third all of them at once, then a fifth again: is it as it was before?"""

    def users(self, done, most):
        return most if 1 / 3 <= done < 2 / 3 else most * BASE_SHARE

    def rate(self, asked, most, seconds):
        return most


class Soak(Shape):
    """Slowly up to all users, then for long: what grows that should not?"""

    default_seconds = 4 * 3600

    def users(self, done, most):
        return most * min(1.0, done / 0.05)


SHAPES = {"steps": Steps, "spike": Spike, "soak": Soak}
"""By the word on the command line; "steady" is none of them."""
