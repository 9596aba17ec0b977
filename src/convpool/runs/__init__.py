"""Runs of images through nets, and what they leave to look at."""

from convpool.runs.job import RunSummary, choose_weights, default_net, plan_run, run

__all__ = ["RunSummary", "choose_weights", "default_net", "plan_run", "run"]
