"""Chromium without a window, driven by Selenium."""

import io
import shutil
import urllib.parse

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

Pixels = NDArray[np.int16]


def started() -> webdriver.Chrome:
    """A browser; without one the tests fail, since nothing else shows that a page works."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.fail(
            "chromium and chromedriver are needed: apt-get install chromium chromium-driver"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "hide-scrollbars"):
        options.add_argument(f"--{flag}")
    options.add_argument("--disable-dev-shm-usage")  # a container's shared memory is small
    options.add_argument("--force-device-scale-factor=1")
    options.add_argument("--window-size=800,700")
    return webdriver.Chrome(options=options, service=Service(driver))


def open_page(browser: webdriver.Chrome, content: bytes, kind: str = "text/html") -> None:
    browser.get(f"data:{kind};charset=utf-8," + urllib.parse.quote(content))


def set_media(browser: webdriver.Chrome, **features: str) -> None:
    """Say what the reader prefers, such as prefers_color_scheme="dark"."""
    listed = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": listed})


def pixels_of(browser: webdriver.Chrome, selector: str) -> Pixels:
    """A screenshot of one element, (H, W, 3)."""
    shot = browser.find_element(By.CSS_SELECTOR, selector).screenshot_as_png
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), np.int16)
