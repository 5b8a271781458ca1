"""The page as people use it."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

from scenes import SCRIPT, fill, generation, mistaken, post, said, trip_planner

if TYPE_CHECKING:
    from collections.abc import Callable

    from langfuse_otel.dev import LocalReceiver

NOW = 1_790_000_000.0
DEMO = """
import sys
from langfuse_otel._console.demo import calls, make
make(calls(), *sys.argv[1:])
"""
TRIP = f"{1:032x}"
ANSWER = f"{7:016x}"


def names(page: Page) -> list[str]:
    """Give the names in the list, top down."""
    return page.locator(".row .title b").all_inner_texts()


def test_demo_appears_live(page: Page, receiver: LocalReceiver) -> None:
    """What LiteLLM calls send appears on the open page, without a reload."""
    page.goto(receiver.url)
    expect(page.get_by_text("Waiting for the first trace")).to_be_visible()
    keys = (receiver.url, receiver.public_key, receiver.secret_key)
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with subprocess.Popen([sys.executable, "-c", DEMO, *keys], env=environment) as demo:
        expect(page.locator(".row")).to_have_count(5, timeout=60_000)
        assert demo.wait(60) == 0

    assert sorted(names(page)) == [
        "chat gpt-4o-mini",
        "demo conversation",
        "failing call",
        "streamed answer",
        "tool call",
    ]
    expect(page.locator("#overview")).to_contain_text("in 5 traces")


def test_new_trace_is_put_on_top(page: Page, receiver: LocalReceiver) -> None:
    """A new trace takes the first place, a changed one is drawn anew, the rest is left alone."""
    post(receiver, generation(5, 5, "first", NOW, 1, model="m"))
    page.goto(receiver.url)
    first = page.locator(".row").first
    expect(first).to_contain_text("first")
    first.evaluate("row => row.isTheOldOne = true")
    post(receiver, generation(6, 6, "second", NOW + 5, 1, model="m"))
    expect(page.locator(".row")).to_have_count(2)
    is_kept = page.locator(".row").last.evaluate("row => row.isTheOldOne")
    names_before = names(page)
    post(receiver, generation(5, 7, "more", NOW + 1, 2, model="other", parent=5))
    expect(page.locator(".row").last).to_contain_text("m, other")

    assert (names_before, is_kept) == (["second", "first"], True)


def test_search_and_filters(page: Page, receiver: LocalReceiver) -> None:
    """Each filter narrows the list and the totals, the address keeps them, Clear ends them."""
    fill(receiver, 60)
    page.goto(receiver.url)
    expect(page.locator(".row")).to_have_count(61)
    page.get_by_label("Search").fill("lisbon in may")
    expect(page.locator(".row")).to_have_count(1)
    expect(page.locator("#overview")).to_contain_text("in 1 trace")
    page.reload()
    expect(page.get_by_label("Search")).to_have_value("lisbon in may")
    expect(page.locator(".row")).to_have_count(1)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".row")).to_have_count(61)
    for field, value in (("model", "mistral-small"), ("user", "ada"), ("environment", "staging")):
        page.get_by_label(field, exact=True).fill(value)
        page.keyboard.press("Enter")
    for value in ("mistral-small", "ada", "staging"):
        expect(page.locator(".row", has_not_text=value)).to_have_count(0)
    assert names(page)
    page.go_back()
    expect(page.get_by_label("environment", exact=True)).to_have_value("")


def test_level_and_tag(page: Page, receiver: LocalReceiver) -> None:
    """The level is chosen from a list; a tag is chosen by pressing it."""
    fill(receiver, 60)
    page.goto(receiver.url)
    page.get_by_label("level", exact=True).select_option("ERROR")
    expect(page.locator(".row:not([data-level=ERROR])")).to_have_count(0)
    page.get_by_role("button", name="Clear").click()
    page.locator(".row .chip.tag", has_text="beta").click()
    expect(page.locator(".row")).to_have_count(1)

    assert names(page) == ["trip planner"]


def test_more_rows_come_with_scrolling(page: Page, receiver: LocalReceiver) -> None:
    """At the end of the list the next rows are loaded."""
    fill(receiver, 230)
    page.goto(receiver.url)
    expect(page.locator(".row")).to_have_count(100)
    page.mouse.wheel(0, 50_000)
    expect(page.locator(".row")).to_have_count(200)
    page.mouse.wheel(0, 50_000)
    expect(page.locator(".row")).to_have_count(231)


def test_sessions(page: Page, receiver: LocalReceiver) -> None:
    """Sessions have a view of their own, and lead to their traces."""
    fill(receiver, 40)
    page.goto(receiver.url)
    page.get_by_role("button", name="Sessions").click()
    row = page.locator(".row.session", has_text="trip-to-lisbon")
    expect(row).to_contain_text("1 trace")
    row.click()
    expect(page.locator(".row")).to_have_count(1)

    assert names(page) == ["trip planner"]


def test_open_a_trace(page: Page, receiver: LocalReceiver) -> None:
    """A trace is a tree beside a waterfall; an observation a chat with all that belongs to it."""
    trip_planner(receiver, NOW)
    page.goto(receiver.url)
    page.locator(".row b").click()
    spans = page.locator(".tree .span")
    expect(spans).to_have_count(7)
    depths = [span.get_attribute("aria-level") for span in spans.all()]
    bars = page.locator(".lane .bar:not(.waiting)").evaluate_all(
        "bars => bars.map(bar => bar.getBoundingClientRect().left)"
    )
    expect(page.locator(".failure")).to_contain_text("OverloadedError")
    spans.last.click()
    detail = page.locator(".detail")
    expect(detail.locator(".turn.system")).to_contain_text("You plan short trips.")
    expect(detail.locator(".call").first).to_contain_text('"city": "Lisbon"')
    expect(detail.locator(".call.result")).to_contain_text('"rain_days": 6')
    expect(detail.locator(".reasoning")).to_contain_text("a sunset by the sea")
    expect(detail.locator(".turn.assistant").last).to_contain_text("Pack layers")
    expect(detail.locator(".turn.user img")).to_have_js_property("naturalWidth", 240)

    assert depths == ["1", "2", "3", "3", "3", "2", "2"]
    assert bars == sorted(bars)


def test_tabs_of_an_observation(page: Page, receiver: LocalReceiver) -> None:
    """Usage, cost, parameters, prompt and metadata; what is read; and the JSON."""
    trip_planner(receiver, NOW)
    page.goto(f"{receiver.url}/#trace={TRIP}&observation={ANSWER}")
    detail = page.locator(".detail")
    page.get_by_role("tab", name="Details").click()
    for text in ("690", "168", "$0.008172", "max_tokens", "trip-answer", "experiment", "gold"):
        expect(detail).to_contain_text(text)
    page.get_by_role("tab", name="What Langfuse reads").click()
    expect(detail.locator("tr", has_text="langfuse.observation.model.name")).to_contain_text(
        "model"
    )
    expect(detail).to_contain_text("Langfuse keeps everything as it was sent.")
    page.get_by_role("tab", name="JSON").click()
    expect(detail.locator(".json").first).to_contain_text('"promptVersion": 3')


def test_warnings_of_another_client(page: Page, receiver: LocalReceiver) -> None:
    """What Langfuse would not keep is said beside the attribute, whoever sent it."""
    mistaken(receiver, NOW)
    page.goto(receiver.url)
    page.locator(".row b").click()
    page.get_by_role("tab", name="What Langfuse reads 3").click()
    warnings = page.locator(".warnings li")

    expect(warnings).to_have_count(3)
    expect(warnings.first).to_contain_text("the prompt version is not an integer")


def test_copy(context_with_clipboard: Page, receiver: LocalReceiver) -> None:
    """A copy button copies."""
    page = context_with_clipboard
    post(receiver, generation(1, 1, "g", NOW, 1, model="m", input=[said("user", "hi")]))
    page.goto(f"{receiver.url}/#trace={TRIP}")
    page.locator(".side .copy").first.click()
    expect(page.locator(".side .copy").first).to_have_text("Copied")

    assert '"hi"' in page.evaluate("navigator.clipboard.readText()")


@pytest.fixture
def context_with_clipboard(page: Page) -> Page:
    """A page that may read what it has copied."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    return page


def test_keyboard(page: Page, receiver: LocalReceiver) -> None:
    """The page can be used without a mouse."""
    fill(receiver, 20)
    page.goto(receiver.url)
    expect(page.locator(".row")).to_have_count(21)
    for key in ("j", "ArrowDown", "j", "k", "k"):
        page.keyboard.press(key)
    focused = page.evaluate("document.activeElement.querySelector('b').textContent")
    page.keyboard.press("Enter")
    expect(page.locator("#trace h1")).to_have_text("trip planner")
    expect(page.locator(".span[aria-current]:focus")).to_have_count(1)
    page.keyboard.press("j")
    expect(page.locator(".span[aria-current]:focus")).to_have_attribute("data-id", ANSWER)
    page.keyboard.press("3")
    expect(page.get_by_role("tab", selected=True)).to_have_text("What Langfuse reads")
    page.keyboard.press("Escape")
    expect(page.locator("#trace")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.get_by_label("Search")).to_be_focused()

    assert focused == "trip planner"


def test_script_stays_text(page: Page, receiver: LocalReceiver) -> None:
    """Markup in a name, a tag and a message is shown as the text that it is, and nothing runs."""
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    post(
        receiver,
        generation(
            1, 1, SCRIPT, NOW, 1, model=SCRIPT, user=SCRIPT, session=SCRIPT, tags=[SCRIPT],
            input=[said(SCRIPT, SCRIPT)], output=SCRIPT, error=SCRIPT, metadata={SCRIPT: SCRIPT},
        ),
    )  # fmt: skip
    page.goto(receiver.url)
    expect(page.locator(".row .title b")).to_have_text(SCRIPT)
    page.locator(".row b").click()
    expect(page.locator(".turn .text").first).to_have_text(SCRIPT)
    for tab in "1234":
        page.keyboard.press(tab)
    page.get_by_role("button", name="Sessions").click()
    expect(page.locator(".row.session")).to_contain_text(SCRIPT)

    assert dialogs == []
    assert page.locator("[onerror], main script, img[src='x']").count() == 0


def test_injected_script_does_not_run(chromium: Browser, receiver: LocalReceiver) -> None:
    """Were markup parsed after all, the policy of the page would not let it run."""
    page = chromium.new_page()
    page.goto(receiver.url)
    expect(page.locator("#live")).to_have_text("live")
    is_blocked = page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener("securitypolicyviolation", () => resolve(true));
            const script = document.createElement("script");
            script.textContent = "window.hasRun = true";
            document.body.append(script);
            setTimeout(() => resolve(false), 10000);
        })"""
    )
    has_run = page.evaluate("window.hasRun === true")
    page.close()

    assert (is_blocked, has_run) == (True, False)


@pytest.mark.parametrize("width", [380, 720, 1100, 1440, 2560])
def test_no_sideways_scroll(page: Page, receiver: LocalReceiver, width: int) -> None:
    """Nothing is wider than the window, in the list, the sessions, and each tab of a trace."""
    fill(receiver, 30)
    page.set_viewport_size({"width": width, "height": 800})
    reach = "document.documentElement.scrollWidth"
    for address in ("", "#view=sessions"):
        page.goto(f"{receiver.url}/{address}")
        expect(page.locator(".row").first).to_be_visible()
        expect(page.locator(".card.models")).to_be_attached()
        assert page.evaluate(reach) <= width
    page.goto(f"{receiver.url}/#trace={TRIP}&observation={ANSWER}")
    expect(page.locator(".detail .content")).to_be_visible()
    for tab in "4321":
        page.keyboard.press(tab)
        assert page.evaluate(reach) <= width


@pytest.mark.parametrize("width", [380, 1280, 1440, 2560])
def test_what_a_card_says_is_not_cut(page: Page, receiver: LocalReceiver, width: int) -> None:
    """The line below the number of each card is there to its end."""
    fill(receiver)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(receiver.url)
    notes = page.locator(".card output .note")
    expect(notes).to_have_count(5)

    assert (
        notes.evaluate_all("all => all.filter((it) => it.scrollWidth > it.clientWidth).length") == 0
    )


def test_narrow_trace_is_not_cut(page: Page, receiver: LocalReceiver) -> None:
    """On a telephone the times of the axis stand apart, and every tab can be seen."""
    mistaken(receiver, NOW)
    page.set_viewport_size({"width": 380, "height": 800})
    page.goto(f"{receiver.url}/#trace={2:032x}&observation={20:016x}")
    expect(page.locator(".tabs .count")).to_be_visible()
    edges = (
        "all => all.map((it) => it.getBoundingClientRect()).map(({left, right}) => [left, right])"
    )
    times = page.locator(".ticks span").evaluate_all(
        "all => all.filter((it) => parseFloat(getComputedStyle(it).fontSize)).map((it) => "
        "it.getBoundingClientRect()).map(({left, right}) => [left, right])"
    )
    tabs = page.locator(".tabs button").evaluate_all(edges)

    assert len(times) > 1
    assert all(first[1] <= second[0] for first, second in pairwise(times)), times
    assert tabs[-1][1] <= 380 - 12


def test_wide_has_both_beside_each_other(page: Page, receiver: LocalReceiver) -> None:
    """With room, the list stays beside the trace; without, the trace takes its place."""
    fill(receiver, 30)
    beside = []
    for width in (2560, 380):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{receiver.url}/#trace={TRIP}")
        expect(page.locator(".tree")).to_be_visible()
        beside.append(page.locator("#list").is_visible())

    assert beside == [True, False]


def test_dark_and_light(chromium: Browser, receiver: LocalReceiver) -> None:
    """The theme is the system's, until another is chosen; that choice is remembered."""
    brightness = "() => getComputedStyle(document.documentElement).backgroundColor"
    seen = []
    for scheme in ("light", "dark"):
        page = chromium.new_page(color_scheme=scheme)
        page.goto(receiver.url)
        seen.append(page.evaluate(brightness))
        page.get_by_role("button", name="Light or dark").click()
        seen.append(page.evaluate(brightness))
        page.reload()
        seen.append(page.evaluate(brightness))
        page.close()
    light, dark = seen[0], seen[3]

    assert seen == [light, dark, dark, dark, light, light]
    assert light != dark


def test_receiver_that_ended_is_said(page: Page, receiver: LocalReceiver) -> None:
    """When the receiver ends the page says so, and the receiver does not wait for the page."""
    page.goto(receiver.url)
    expect(page.locator("#live")).to_have_text("live")
    receiver.__exit__(None, None, None)
    expect(page.locator("#live")).to_have_text("interrupted")
    receiver.__enter__()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures(
    chromium: Browser,
    receiver: LocalReceiver,
    picture: Callable[[Page, str], None],
    scheme: str,
) -> None:
    """The page can be looked at; the pictures in `docs/images` are made here."""
    fill(receiver)
    sizes = {
        "desk": (1440, 900),
        "tall": (1440, 1300),
        "telephone": (380, 800),
        "wall": (2560, 1300),
    }
    addresses = {
        "list": "",
        "trace": f"#trace={TRIP}&observation={ANSWER}",
        "sessions": "#view=sessions",
    }
    for size, (width, height) in sizes.items():
        page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        for name, address in addresses.items():
            page.goto(f"{receiver.url}/{address}")
            ready = ".turn.user img" if name == "trace" else ".row"
            expect(page.locator(ready).first).to_be_attached()
            expect(page.locator("#live")).to_have_text("live")
            picture(page, f"{name}-{size}-{scheme}")
        page.close()
