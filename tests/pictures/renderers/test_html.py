"""The HTML page in a browser: its controls, its keys, and the same pictures as other formats."""

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from convpool.pictures.cutting import part
from convpool.pictures.drawing import Drawing, Role, Text
from convpool.pictures.renderers.html import film, page, script
from convpool.pictures.renderers.look import Look
from convpool.pictures.renderers.reel import still
from convpool.pictures.renderers.svg import svg
from convpool.pictures.themes import THEMES, Theme
from tests.pictures.renderers.browser import Pixels, open_page, pixels_of, set_media
from tests.pictures.renderers.picture import COUNT, flat

PICTURE = "body > svg"
Browser = webdriver.Chrome


@pytest.fixture
def shown(browser: Browser) -> Browser:
    open_page(browser, page(flat(), Look(seconds=0.05)))
    return browser


def frame(browser: Browser) -> int:
    """The number that the page shows, from 0."""
    return int(browser.find_element(By.TAG_NAME, "output").text.split(" / ")[0]) - 1


def assert_shows(browser: Browser, number: int) -> None:
    assert frame(browser) == number
    assert browser.find_element(By.TAG_NAME, "p").text == flat().captions[number]
    assert slider(browser).get_property("value") == str(number)
    assert visible_text(browser) == letters(flat(), number)


def visible_text(browser: Browser) -> list[str]:
    found: list[str] = browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])]"
        ".filter(text => text.getClientRects().length).map(text => text.textContent)",
        f"{PICTURE} text",
    )
    return found


def letters(drawing: Drawing, number: int) -> list[str]:
    return [shape.text for shape in drawing.frame(number) if isinstance(shape, Text)]


def button(browser: Browser, label: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, f"button[aria-label='{label}']")


def slider(browser: Browser) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, "input[type=range]")


def press(browser: Browser, *keys: str) -> None:
    for key in keys:
        browser.switch_to.active_element.send_keys(key)


def test_it_opens_at_the_first_frame_and_stands_still(shown: Browser) -> None:
    assert_shows(shown, 0)
    assert button(shown, "play").is_displayed()
    assert shown.title == flat().title


def test_the_buttons_step(shown: Browser) -> None:
    for number in (1, 2, 3):
        button(shown, "on one step").click()
        assert_shows(shown, number)
    button(shown, "back one step").click()
    assert_shows(shown, 2)


def test_steps_go_round(shown: Browser) -> None:
    button(shown, "back one step").click()
    assert_shows(shown, COUNT - 1)
    button(shown, "on one step").click()
    assert_shows(shown, 0)


def test_the_keys_step_and_jump(shown: Browser) -> None:
    press(shown, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert_shows(shown, 2)
    press(shown, Keys.ARROW_LEFT)
    assert_shows(shown, 1)
    press(shown, Keys.END)
    assert_shows(shown, COUNT - 1)
    press(shown, Keys.HOME)
    assert_shows(shown, 0)


def test_keys_on_the_slider_step_once(shown: Browser) -> None:
    slider(shown).send_keys(Keys.ARROW_RIGHT)
    assert_shows(shown, 1)
    slider(shown).send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert_shows(shown, 2)


def test_the_slider_goes_anywhere(shown: Browser) -> None:
    shown.execute_script(
        "arguments[0].value = 6; arguments[0].dispatchEvent(new Event('input'))", slider(shown)
    )
    assert_shows(shown, 6)


@pytest.mark.parametrize("way", ["button", "key", "key on the button"])
def test_play_and_pause(shown: Browser, way: str) -> None:
    def toggle(label: str) -> None:
        if way == "button":
            button(shown, label).click()
        elif way == "key":
            press(shown, Keys.SPACE)
        else:
            button(shown, label).send_keys(Keys.SPACE)

    toggle("play")
    WebDriverWait(shown, 10, 0.02).until(lambda _: frame(shown) >= 3)
    toggle("pause")
    stopped = frame(shown)
    assert button(shown, "play").is_displayed()
    shown.execute_async_script("setTimeout(arguments[0], 200)")
    assert_shows(shown, stopped)


def test_it_plays_round_and_a_step_pauses_it(shown: Browser) -> None:
    press(shown, Keys.END, Keys.SPACE)
    WebDriverWait(shown, 10, 0.02).until(lambda _: frame(shown) < 4)
    button(shown, "on one step").click()
    assert button(shown, "play").is_displayed()


def test_speed_changes_the_pace(browser: Browser) -> None:
    """Asked of the timer itself: a busy machine makes times long, never short."""
    open_page(browser, page(flat(), Look(seconds=0.4)))
    browser.execute_script(
        "window.paces = []; const started = setInterval;"
        "window.setInterval = (act, pace) => { paces.push(pace); return started(act, pace); }"
    )
    button(browser, "play").click()
    for times in ("4", "0.25"):
        Select(browser.find_element(By.TAG_NAME, "select")).select_by_value(times)
    assert browser.execute_script("return paces") == [400, 100, 1600]
    assert button(browser, "pause").is_displayed()


def test_the_caption_is_read_out_but_not_while_it_plays(shown: Browser) -> None:
    caption = shown.find_element(By.TAG_NAME, "p")
    assert caption.get_attribute("aria-live") == "polite"
    press(shown, Keys.SPACE)
    assert caption.get_attribute("aria-live") == "off"
    press(shown, Keys.SPACE)
    assert caption.get_attribute("aria-live") == "polite"
    assert shown.find_element(By.CSS_SELECTOR, PICTURE).get_attribute("aria-label") == flat().title


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_the_theme_follows_the_reader_until_switched(browser: Browser, theme: Theme) -> None:
    set_media(browser, prefers_color_scheme=theme.name)
    open_page(browser, page(flat(), Look()))
    assert paper(browser) == theme.background
    button(browser, "light or dark").click()
    assert paper(browser) != theme.background
    button(browser, "light or dark").click()
    assert paper(browser) == theme.background


def test_a_theme_that_was_asked_for_is_shown_whatever_the_reader_prefers(browser: Browser) -> None:
    open_page(browser, page(flat(), Look(THEMES["dark"])))
    assert paper(browser) == THEMES["dark"].background
    set_media(browser, prefers_color_scheme="dark")
    set_media(browser, prefers_color_scheme="light")
    assert paper(browser) == THEMES["dark"].background


def test_the_page_follows_a_reader_who_changes_it(browser: Browser) -> None:
    open_page(browser, page(flat(), Look()))
    set_media(browser, prefers_color_scheme="dark")
    WebDriverWait(browser, 10, 0.02).until(lambda _: paper(browser) == THEMES["dark"].background)


def paper(browser: Browser) -> tuple[int, ...]:
    colour = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    return tuple(map(int, re.findall(r"\d+", colour)))


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("number", [0, 4, 8])
def test_page_svg_and_png_are_the_same_picture(browser: Browser, theme: Theme, number: int) -> None:
    drawing = flat()
    set_media(browser, prefers_color_scheme=theme.name)
    of_page = page_shot(browser, drawing, number)
    of_still = svg_shot(browser, part(drawing, range(number, number + 1)), theme)
    of_film = svg_shot(browser, drawing, theme, number)
    assert difference(of_page, of_still) < 0.1
    assert difference(of_film, of_still) < 0.1
    of_png = np.asarray(still(drawing, Look(theme), number), np.int16)
    other = np.asarray(still(drawing, Look(theme), (number + 4) % COUNT), np.int16)
    assert difference(of_still, of_png) < 5  # the letters are another font's
    assert difference(of_still, of_png) < 0.7 * difference(of_still, other)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_without_letters_svg_and_png_agree_pixel_by_pixel(browser: Browser, theme: Theme) -> None:
    bare = replace(flat(), shapes=tuple(s for s in flat().shapes if not isinstance(s, Text)))
    of_svg = svg_shot(browser, part(bare, range(5, 6)), theme)
    of_png = np.asarray(still(bare, Look(theme), 5), np.int16)
    off = np.abs(of_svg - of_png).max(axis=2)
    assert (off > 32).mean() < 0.01  # of dashes, hatching and slanted lines, at their edges
    assert off.mean() < 1


def page_shot(browser: Browser, drawing: Drawing, number: int) -> Pixels:
    open_page(browser, page(drawing, Look()))
    press(browser, *[Keys.ARROW_RIGHT] * number)
    assert_shows(browser, number)
    return pixels_of(browser, PICTURE)


def svg_shot(browser: Browser, drawing: Drawing, theme: Theme, number: int = 0) -> Pixels:
    """The file in a page, halted in the middle of a frame."""
    open_page(browser, b"<!doctype html><body style='margin:0'>" + svg(drawing, Look(theme)))
    browser.execute_script(
        "for (const moving of document.getAnimations())"
        " { moving.pause(); moving.currentTime = arguments[0] }",
        1000 * Look().seconds * (number + 0.5),
    )
    return pixels_of(browser, "svg")


def difference(first: Pixels, second: Pixels) -> float:
    assert first.shape == second.shape
    return float(np.abs(first - second).mean())


def test_an_svg_plays_by_itself_and_goes_round(browser: Browser) -> None:
    drawing = flat()
    open_page(browser, svg(drawing, Look()), "image/svg+xml")
    for round_ in (0, 1):
        for number in range(COUNT):
            browser.execute_script(
                "document.getAnimations().forEach(moving => moving.currentTime = arguments[0])",
                1000 * 0.5 * (round_ * COUNT + number + 0.5),
            )
            seen = browser.execute_script(
                "return [...document.querySelectorAll('text')]"
                ".filter(text => getComputedStyle(text).visibility === 'visible')"
                ".map(text => text.textContent)"
            )
            assert seen == letters(drawing, number)


def test_an_svg_stands_still_at_its_end_where_motion_is_unwanted(browser: Browser) -> None:
    set_media(browser, prefers_reduced_motion="reduce")
    open_page(browser, svg(flat(), Look()), "image/svg+xml")
    assert browser.execute_script("return document.getAnimations().length") == 0
    seen = browser.execute_script(
        "return [...document.querySelectorAll('text')]"
        ".filter(text => getComputedStyle(text).visibility === 'visible')"
        ".map(text => text.textContent)"
    )
    assert seen == letters(flat(), COUNT - 1)


def test_one_frame_has_no_controls(browser: Browser) -> None:
    open_page(browser, page(part(flat(), range(3, 4)), Look()))
    assert not browser.find_elements(By.TAG_NAME, "button")
    assert browser.find_element(By.TAG_NAME, "p").text == flat().captions[3]


def test_letters_cannot_end_the_data(browser: Browser) -> None:
    nasty = "</script><script>document.title = 'broken'</script>"
    text = Text((8, 8), nasty, 8, Role.PLAIN, range(1))
    open_page(browser, page(Drawing(16, 16, (text,), (nasty,), nasty, 8), Look()))
    assert visible_text(browser) == [nasty]
    assert browser.title == nasty


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = page(flat(), Look()).decode()
    spaces = ("http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml")
    for space in spaces:
        text = text.replace(space, "")
    assert not re.search(r"https?:|src=|href=|url\(|import ", text)


def test_the_film_is_plain_json_and_compact() -> None:
    content: dict[str, Any] = film(flat(), Look(seconds=0.2))
    assert json.loads(json.dumps(content)) == json.loads(json.dumps(content))
    assert content["seconds"] == 0.2
    assert len(page(flat(), Look())) < 30_000
    first, stop, shapes = content["groups"][0]
    assert (first, stop) == (0, COUNT)
    assert content["classes"][shapes[0][0]].split()[0] == "plain"


def test_the_script_knows_no_layer() -> None:
    """The rule of sizes and all geometry stay in Python."""
    assert not re.search(r"stride|padding|kernel|dilation|Math\.", script())
    assert len(script().splitlines()) < 150
