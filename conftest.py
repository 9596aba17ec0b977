"""How many processes the tests run in."""

import pytest


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run the whole suite in a worker for each core, and named tests here and at once.

    Workers take two seconds to start, show no prints and know no debugger.
    """
    is_whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    return None if is_whole and not config.option.keyword else 0
