"""A trace as terminal text, to the letter."""

from __future__ import annotations

from typing import Any

import pytest

from langfuse_otel.dev._received import ReceivedSpan
from langfuse_otel.dev._trace import trace_view
from langfuse_otel.dev._tree import colored, escaped, tree_text


def a_span(
    span_id: str, parent: str | None, start_ms: int, end_ms: int, **more: Any
) -> ReceivedSpan:
    """Build a span of the trace."""
    return ReceivedSpan(
        trace_id="trace-1",
        span_id=span_id,
        parent_span_id=parent,
        name=more.pop("name", span_id),
        start_ns=start_ms * 10**6,
        end_ns=end_ms * 10**6,
        attributes={f"langfuse.{key.replace('__', '.')}": value for key, value in more.items()},
    )


ANSWER = {
    "observation__model__name": "gpt-4o-mini",
    "observation__usage_details": '{"input":1200,"output":310}',
    "observation__cost_details": '{"total":0.00421}',
    "observation__completion_start_time": "1970-01-01T00:00:00.310Z",
}


def test_tree_of_a_trace() -> None:
    """Parents before children, by start, in aligned columns, with what was dropped below."""
    spans = [
        a_span(
            "search",
            "agent",
            950,
            990,
            observation__type="tool",
            observation__level="ERROR",
            observation__status_message="no\nroute",
        ),
        a_span(
            "agent",
            None,
            0,
            2310,
            observation__type="agent",
            user__id="alice",
            session__id="s-7",
            trace__tags=["beta", "eu"],
        ),
        a_span("answer", "agent", 10, 900, **ANSWER),
        a_span("rerank", "search", 960, 970, observation__type="retriever"),
        a_span("elsewhere", "missing", 2000, 2001, observation__level="DEBUG"),
        a_span("broken", "agent", 1, 2, observation__type="generation", prompt__name="p"),
    ]

    gap = " " * 40
    assert tree_text(trace_view(spans, "legacy")).splitlines() == [
        "● agent  2.31 s  1,200 → 310  $0.004210  user alice  session s-7  #beta #eu  trace-1",
        "├─ agent (agent)                          2.31 s",
        "│  ├─ answer                 gpt-4o-mini  890 ms  first 300 ms  1,200 → 310  $0.004210",
        f"│  └─ search (tool)                        40 ms{gap}ERROR no\\nroute",
        "│     └─ rerank (retriever)                10 ms",
        f"└─ elsewhere (span)                         1 ms{gap}DEBUG",
        "✗  broken dropped: a prompt needs both its name and its version",
    ]


def test_columns_that_nobody_fills_are_left_out() -> None:
    """A trace without models, tokens and cost shows names and times alone."""
    text = tree_text(trace_view([a_span("step", None, 0, 5)], "direct"))

    assert text == "● step  5 ms  trace-1\n└─ step (span)  5 ms"


@pytest.mark.parametrize(
    ("cost", "shown"),
    [
        ("0", "$0.00"),
        ("12.5", "$12.50"),
        ("0.00421", "$0.004210"),
        ("4e-08", "$0.000000040"),
    ],
)
def test_cost(cost: str, shown: str) -> None:
    """A cost is shown to its first two digits at least, also that of a short embedding."""
    cost_details = f'{{"total":{cost}}}'
    seen = a_span("step", None, 0, 5, observation__cost_details=cost_details)

    assert tree_text(trace_view([seen], "direct")).splitlines()[1].endswith(shown)


def test_event_without_end_has_no_latency() -> None:
    """An event on the legacy path has no end and shows no time."""
    text = tree_text(trace_view([a_span("e", None, 0, 5, observation__type="event")], "legacy"))

    assert text == "● e  0 ms  trace-1\n└─ e (event)"


def test_spans_in_a_circle_are_shown_once() -> None:
    """Spans that name each other as parent appear, each once."""
    spans = [a_span("a", "b", 0, 1), a_span("b", "a", 0, 1), a_span("c", "c", 2, 3)]

    assert [
        line.split()[-4] for line in tree_text(trace_view(spans, "direct")).splitlines()[1:]
    ] == [
        "a",
        "b",
        "c",
    ]


def test_deep_chain_is_shown() -> None:
    """A chain of thousands of spans does not exhaust the stack."""
    spans = [a_span(f"{n}", f"{n - 1}", n, n + 1) for n in range(3000)]

    assert len(tree_text(trace_view(spans, "direct")).splitlines()) == 3001


def test_wide_characters_stay_aligned() -> None:
    """Characters of two columns are counted as two."""
    spans = [a_span("検索", None, 0, 5), a_span("step", None, 1, 6)]

    assert tree_text(trace_view(spans, "direct")).splitlines()[1:] == [
        "├─ 検索 (span)  5 ms",
        "└─ step (span)  5 ms",
    ]


def test_control_characters_are_spelled_out() -> None:
    """Nothing in a span's text reaches the terminal as a control sequence."""
    assert escaped("a\x1b[2J\r\x9b\u202eb\u2028é👩\u200d💻") == (
        "a\\x1b[2J\\r\\x9b\\u202eb\\u2028é👩\u200d💻"
    )


def test_every_text_of_a_span_is_escaped() -> None:
    """Name, model, message, user, session, tags, ids and reasons are all escaped."""
    evil = "\x1b]0;x\x07"
    spans = [
        a_span(
            evil,
            None,
            0,
            1,
            observation__model__name=evil,
            observation__level="ERROR",
            observation__status_message=evil,
            user__id=evil,
            session__id=evil,
            trace__tags=[evil],
            trace__name=evil,
        ),
        a_span("x", None, 0, 1, name=evil, observation__type="generation", prompt__name="p"),
    ]

    assert "\x1b" not in tree_text(trace_view(spans, "legacy"))


def test_style_colors_roles() -> None:
    """The style gets each text with its role; padding stays outside."""
    seen: list[tuple[str, str]] = []

    def note(text: str, role: str) -> str:
        seen.append((text, role))
        return text

    tree_text(
        trace_view([a_span("a", None, 0, 5, observation__level="ERROR")], "direct"), style=note
    )

    assert dict(seen) == {
        "a": "title",
        "trace-1": "muted",
        "└─ a (span)": "label",
        "5 ms": "number",
        "ERROR": "ERROR",
    }


def test_colored_uses_the_terminal() -> None:
    """Known roles are colored, others are left alone."""
    assert [colored("x", "cost"), colored("x", "label")] == ["\x1b[32mx\x1b[0m", "x"]
