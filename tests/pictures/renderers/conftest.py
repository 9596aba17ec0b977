"""One browser for all tests of a session."""

from collections.abc import Iterator

import pytest
from selenium import webdriver

from tests.pictures.renderers.browser import set_media, started


@pytest.fixture(scope="session")
def session_browser() -> Iterator[webdriver.Chrome]:
    browser = started()
    yield browser
    browser.quit()


@pytest.fixture
def browser(session_browser: webdriver.Chrome) -> webdriver.Chrome:
    """The browser of a reader who prefers light colours and lets things move."""
    set_media(session_browser, prefers_color_scheme="light", prefers_reduced_motion="no-preference")
    return session_browser
