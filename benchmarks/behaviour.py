"""What the sink does with a request instead of taking it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["take", "status", "hang", "cut", "lose_answer", "refuse"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the sink meets requests.

    Attributes:
        kind: `take` them; answer with a `status`; `hang`, never answering; `cut` the connection in
            the middle of the body; `lose_answer`, taking the spans but closing in place of an
            answer; `refuse` connections.
        status: the answer of kind `status`.
        retry_after: its header `Retry-After`, in seconds or as a date.
        delay_s: how late every answer is.
        limit_bytes: bodies that are longer on the wire are answered with 413.
        poison: the call whose span turns the answer to its whole request into 400.
        for_s: when the sink takes requests again; None is never.
    """

    kind: Kind = "take"
    status: int = 503
    retry_after: str | None = None
    delay_s: float = 0.0
    limit_bytes: int | None = None
    poison: int | None = None
    for_s: float | None = None


HEALTHY = Behaviour()
