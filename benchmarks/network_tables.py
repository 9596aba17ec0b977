"""Reports of whole networks in the terminal."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from benchmarks.contest import OURS, Report, Score
from benchmarks.means import Mean, Setting
from convpool.bench.machine import counted


def network_tables(report: Report) -> list[Table]:
    """Return a table for each number of threads and images."""
    groups: dict[Setting, list[Score]] = {}
    for score in report.lines:
        groups.setdefault(score.trial.setting, []).append(score)
    return [network_table(setting, scores, report.means) for setting, scores in groups.items()]


def network_table(setting: Setting, scores: Sequence[Score], means: Sequence[Mean]) -> Table:
    """Return the table of a setting: times, ratios, errors; then the ratios' geometric means."""
    names = list(dict.fromkeys(name for score in scores for name in score.names))
    checks = list(dict.fromkeys(check for score in scores for check in score.errors))
    peers = [name for name in names if name not in OURS]
    title = f"{counted(setting.threads)}, batch {setting.batch}"
    table = Table(title=title, title_justify="left", pad_edge=False, box=None)
    table.add_column("network", no_wrap=True)
    columns = (*(f"{name} ms" for name in names), *(f"{peer} ÷" for peer in peers))
    errors = (column for check in checks for column in (f"{check} error", "torch's"))
    for name in (*columns, *errors):
        table.add_column(name, justify="right", no_wrap=True)
    for score in scores:
        times = [_time(score, name) for name in names]
        ratios = _ratios(score.ratios, peers)
        table.add_row(score.trial.network.name, *times, *ratios, *_errors(score, checks))
    inside = [mean for mean in means if mean.setting == setting]
    for data in dict.fromkeys(mean.kind for mean in inside):
        of_data = {(mean.peer, mean.ours): mean.ratio for mean in inside if mean.kind == data}
        blank = [""] * len(names)
        table.add_row(f"mean, {data}", *blank, *_ratios(of_data, peers), style="bold")
    return table


def _time(score: Score, name: str) -> str:
    if name in score.wrong:
        return "WRONG"
    return f"{score.seconds[name] * 1e3:,.2f}" if name in score.seconds else ""


def _ratios(ratios: Mapping[tuple[str, str], float], peers: Sequence[str]) -> list[str]:
    """Return a cell for each peer: its time over each of ours, in the order of the columns."""
    found = [[ratios[peer, ours] for ours in OURS if (peer, ours) in ratios] for peer in peers]
    return ["  ".join(f"{ratio:.2f}" for ratio in of_peer) for of_peer in found]


def _errors(score: Score, checks: Sequence[str]) -> list[str]:
    """Return our largest error and PyTorch's, for each check."""
    found: list[float | None] = []
    for errors in (score.errors[check] for check in checks):
        found += max(error for name, error in errors.items() if name in OURS), errors.get("torch")
    return ["" if error is None else f"{error:.1e}" for error in found]
