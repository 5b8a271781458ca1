"""Media on their way to Langfuse, beside the spans that refer to them: the state, without I/O.

Langfuse computes the id of media from their hash, so a span can refer to media before they are there,
and is sent at once. A `WaitingSpan` stands for it until all its media are there. If some never will be,
the span is sent once more, with markers in place of their references: Langfuse keeps the later of two
spans with the same ids.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from langfuse_otel._newest import Newest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from langfuse_otel._destination import Destination
    from langfuse_otel._spans.inline import Attachments
    from langfuse_otel._spans.media import Medium
    from langfuse_otel._spans.otlp import Part

    Key = tuple[Destination, str, str]

# Uploads under way at once: in all, and to one destination.
MAX_IN_FLIGHT = 16
MAX_WINDOW = 4
# Media that are known to be there, so that what is in many calls is sent once. Langfuse deletes media
# with the last trace that brought them, and by age, so it is asked again now and then.
KNOWN_FOR_S = 3_600.0
# After one upload failed for good, media for that destination are not even tried for so long.
REFUSED_FOR_S = 300.0


@dataclass(eq=False, slots=True)
class WaitingSpan:
    """A span that was sent with references to media, some of which are still on their way.

    Attributes:
        number: of the oldest span that was encoded together with it; see `Batch.number`.
        size: about how many bytes `encode_with` holds.
        encode_with: encodes the span once more, with other texts in place of its references.
        waiting: the references whose media are on their way.
        markers: of media that will never be there, what to write in place of each reference.
    """

    destination: Destination
    number: int
    size: int
    encode_with: Callable[[Mapping[str, str]], Part]
    waiting: set[str] = field(default_factory=set)
    markers: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Upload:
    """Media to be uploaded, and for which field of which observation they are first.

    `errors`: how often the server answered that it failed. `is_stored`: the bytes are where they
    should be, and only Langfuse has to be told.
    """

    destination: Destination
    medium: Medium
    trace_id: str
    observation_id: str
    field_name: str
    spans: list[WaitingSpan] = field(default_factory=list)
    errors: int = 0
    is_stored: bool = False
    is_in_flight: bool = False

    @property
    def key(self) -> Key:
        """The same for the same media in the same project."""
        return self.destination, self.medium.id, self.medium.content_type


@dataclass(eq=False, slots=True)
class _Lane:
    """What waits for one destination. `failures`: attempts in a row that nobody took."""

    waiting: deque[Upload] = field(default_factory=deque)
    in_flight: int = 0
    failures: int = 0
    rests_until: float = 0.0


class Uploads:
    """All media on their way; guarded by whoever guards the backlog.

    Attributes:
        bytes: about what is held in memory for as long as something is on its way.
        settled: spans none of whose media are on their way any more.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self.settled: deque[WaitingSpan] = deque()
        self._pending: dict[Key, Upload] = {}
        self._done: Newest[Key, float] = Newest()
        self._lanes: dict[Destination, _Lane] = {}
        self._refused: Newest[Destination, float] = Newest()
        self._in_flight = 0

    def __len__(self) -> int:
        return len(self._pending)

    def is_refused(self, destination: Destination, now: float) -> bool:
        """Whether the destination has refused media lately."""
        return self._refused.get(destination, now) > now

    def add(
        self, destination: Destination, attachments: Attachments, number: int, now: float
    ) -> bool:
        """Let the media of one span wait; return whether there are any that are not there yet."""
        given = attachments
        span = WaitingSpan(destination, number, given.size, given.encode_with)
        for use in given.uses:
            upload = Upload(
                destination, use.medium, given.trace_id, given.observation_id, use.field
            )
            if self._done.get(upload.key, now) <= now:
                self._wait(self._pending.get(upload.key) or self._begun(upload), span)
        if span.waiting:
            self.bytes += span.size
        return bool(span.waiting)

    def start(self, now: float) -> Iterator[Upload]:
        """Yield the uploads that may go now."""
        for lane in list(self._lanes.values()):
            while lane.waiting and self._may_start(lane, now):
                upload = lane.waiting.popleft()
                upload.is_in_flight = True
                lane.in_flight += 1
                self._in_flight += 1
                yield upload

    def next_due(self) -> float | None:
        """When the next may go; 0 for at once, None where nothing waits for the time."""
        if self.settled:
            return 0.0
        if self._in_flight >= MAX_IN_FLIGHT:
            return None
        ready = (a for a in self._lanes.values() if a.waiting and a.in_flight < MAX_WINDOW)
        return min((lane.rests_until for lane in ready), default=None)

    def hurry(self) -> None:
        """Let what waits for its next attempt go at once."""
        for lane in self._lanes.values():
            lane.rests_until = 0.0

    # --- what became of an upload that was started

    def done(self, upload: Upload, now: float) -> None:
        """Langfuse has the media."""
        self._returned(upload).failures = 0
        self._done.put(upload.key, now + KNOWN_FOR_S)
        self._end(upload)

    def failures(self, upload: Upload) -> int:
        """How many attempts in a row nobody took at its destination."""
        return self._lanes[upload.destination].failures

    def postponed(self, upload: Upload, until: float) -> None:
        """Nobody took them; they go again when the time has come, after the others."""
        lane = self._returned(upload)
        lane.failures += 1
        lane.rests_until = max(lane.rests_until, until)
        lane.waiting.append(upload)

    def given_back(self, upload: Upload) -> None:
        """The attempt was broken off before there was an answer."""
        self._returned(upload).waiting.appendleft(upload)

    def failed(self, upload: Upload, refused_until: float | None) -> None:
        """They will never be there; until `refused_until` their destination gets no others."""
        self._returned(upload)
        if refused_until is not None:
            self._refused.put(upload.destination, refused_until)
        self._fail(upload)

    def drop_oldest(self) -> bool:
        """Give up the media that have waited for longest and are not under way, if there are any."""
        oldest = next((one for one in self._pending.values() if not one.is_in_flight), None)
        if oldest is not None:
            self._lanes[oldest.destination].waiting.remove(oldest)
            self._fail(oldest)
        return oldest is not None

    def take_settled(self) -> list[WaitingSpan]:
        """Take in hand the spans none of whose media are on their way any more."""
        settled = list(self.settled)
        self.settled.clear()
        return settled

    def clear(self) -> int:
        """Give up everything; return how many media that are."""
        left = len(self._pending)
        for container in (self._pending, self._lanes, self.settled):
            container.clear()
        self.bytes = self._in_flight = 0
        return left

    # --- inside

    def _begun(self, upload: Upload) -> Upload:
        self._pending[upload.key] = upload
        self._lanes.setdefault(upload.destination, _Lane()).waiting.append(upload)
        self.bytes += len(upload.medium.content)
        return upload

    def _wait(self, upload: Upload, span: WaitingSpan) -> None:
        span.waiting.add(upload.medium.reference)
        upload.spans.append(span)

    def _may_start(self, lane: _Lane, now: float) -> bool:
        has_slot = self._in_flight < MAX_IN_FLIGHT and lane.in_flight < MAX_WINDOW
        return has_slot and lane.rests_until <= now

    def _returned(self, upload: Upload) -> _Lane:
        upload.is_in_flight = False
        self._in_flight -= 1
        lane = self._lanes[upload.destination]
        lane.in_flight -= 1
        return lane

    def _fail(self, upload: Upload) -> None:
        for span in upload.spans:
            span.markers[upload.medium.reference] = upload.medium.marker
        self._end(upload)

    def _end(self, upload: Upload) -> None:
        """It waits no longer, nor do spans of which it was the last."""
        del self._pending[upload.key]
        self.bytes -= len(upload.medium.content)
        for span in upload.spans:
            span.waiting.discard(upload.medium.reference)
            if not span.waiting:
                self.bytes -= span.size
                self.settled.append(span)
        lane = self._lanes.pop(upload.destination)
        if lane.waiting or lane.in_flight:
            self._lanes[upload.destination] = lane  # behind the others: they take turns
