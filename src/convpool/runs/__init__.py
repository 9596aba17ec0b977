"""Runs of images through nets, and what they leave to look at."""

from convpool.runs.chain import choose_weights, default_net
from convpool.runs.job import RunSummary, run
from convpool.runs.opening import plan_run

__all__ = ["RunSummary", "choose_weights", "default_net", "plan_run", "run"]
