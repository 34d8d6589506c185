"""A stream from its beginning to its end: what it needs is opened, and let go of whatever happens."""

from __future__ import annotations

import dataclasses
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from scorekit.errors import ScorekitError, UsageError
from scorekit.feeds import DeadLetters, Source
from scorekit.feeds.pipe import STANDARD, LineGrave, open_sink, open_source
from scorekit.feeds.uris import is_address
from scorekit.gate import Gate
from scorekit.model import Model, open_model
from scorekit.policy import Policy
from scorekit.progress import Progress, Silent
from scorekit.quality.verdict import OnFail
from scorekit.state.ledger import Ledger
from scorekit.store.references import Ref, parse
from scorekit.store.versions import Store
from scorekit.stream.connecting import Ends, called, refuse_circle, shown
from scorekit.stream.engine import Stream
from scorekit.stream.following import Following
from scorekit.stream.journal import Journal
from scorekit.stream.metrics import Metrics, MetricsFile, Outlet
from scorekit.stream.options import StreamOptions, StreamResult
from scorekit.stream.road import Road
from scorekit.stream.stopping import Stopping
from scorekit.stream.telling import Telling


@dataclass(frozen=True, slots=True)
class Places:
    """Where a stream comes from and goes to.

    Attributes
    ----------
    source, sink : str
        A file, ``-``, or the address of a broker.
    dead_letter, log_file, metrics_file : str or None
    metrics_port : str or None
        A port, or a host and a port with a colon between.
    """

    source: str = STANDARD
    sink: str = STANDARD
    dead_letter: str | None = None
    log_file: str | None = None
    metrics_file: str | None = None
    metrics_port: str | None = None


def score_stream(
    places: Places | None = None,
    *,
    model: str | None = None,
    store: str | None = None,
    options: StreamOptions | None = None,
    policy: Policy | None = None,
    on_quality_fail: OnFail | None = None,
    follow: bool = True,
    allow_mismatch: bool = False,
    progress: Progress | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> StreamResult:
    """Answer every line of a source, in order.

    Parameters
    ----------
    places : Places, optional
        By default standard input and output.
    model, store : str, optional
    options : StreamOptions, optional
    policy : Policy, optional
    on_quality_fail : {"warn", "fallback", "fail"}, optional
        What a failed window does, if not what the policy says.
    follow : bool
        Whether another version takes over when the alias moves.
    allow_mismatch : bool
        Load a pickle made by another scikit-learn minor version.
    progress : Progress, optional
    waiting : callable
        Called once all is ready for the first line.

    Returns
    -------
    StreamResult

    Raises
    ------
    ScorekitError
        See ``errors``; its ``result`` says how far the stream came.
    """
    opened = Store.open(store)
    ref = opened.resolve(model)
    with ExitStack() as stack:
        maker = _Maker(
            stack, opened, places or Places(), _complete(options), policy or Policy(), on_quality_fail,
            progress or Silent(), allow_mismatch=allow_mismatch,
        )  # fmt: skip
        road = maker.road(ref)
        road.warm()
        follows = follow and parse(model or ref.name)[1] is None
        resolve = (lambda: opened.resolve(model or ref.name)) if follows else None
        stream = maker.stream(road, ref, resolve)
        waiting()
        try:
            stream.run()
        except ScorekitError as error:
            error.result = maker.result(stream)
            raise
        return maker.result(stream)


class _Maker:
    """Makes the parts of a stream; what has to be let go of is left to a stack."""

    def __init__(
        self,
        stack: ExitStack,
        store: Store,
        places: Places,
        options: StreamOptions,
        policy: Policy,
        on_fail: OnFail | None,
        progress: Progress,
        *,
        allow_mismatch: bool,
    ) -> None:
        self._stack = stack
        self._store = store
        self._places = places
        self._options = options
        self._policy = policy
        self._on_fail = on_fail
        self._allow_mismatch = allow_mismatch
        self._ledger = stack.enter_context(Ledger.open(store.uri))
        self._lines = None if is_address(places.source) else open_source(places.source)
        if self._lines is not None:
            stack.callback(self._lines.close)
        self._progress = progress
        self._journal = Journal(places.log_file, progress)
        stack.callback(self._journal.close)
        self._stopping = Stopping()

    def road(self, ref: Ref) -> Road:
        """A version, loaded and verified."""
        model = open_model(self._store, ref, allow_mismatch=self._allow_mismatch)
        return Road.make(model, self._policy, self._options, self._gate)

    def _gate(self, model: Model, policy: Policy) -> Gate:
        place = shown(self._places.sink)
        return Gate(model, policy, on_fail=self._on_fail, ledger=self._ledger, kind="stream", output=place)

    def _warm_road(self, ref: Ref) -> Road:
        road = self.road(ref)
        road.warm()
        return road

    def stream(self, road: Road, ref: Ref, resolve: Callable[[], Ref] | None) -> Stream:
        """All of it."""
        refuse_circle(self._places.source, self._places.sink, self._places.dead_letter)
        stopping = self._stack.enter_context(self._stopping)
        ends = Ends(stopping, partial(self._journal.note, "broker"), road.gate.check_switch)
        sink = ends.sink(self._places.sink)
        self._stack.callback(sink.close)
        grave = self._grave(ends)
        source = self._from(ends, grave)
        following = Following(ref, resolve, self._warm_road) if resolve is not None else None
        if following is not None:
            self._stack.callback(following.close)
        return Stream(
            road,
            source,
            sink,
            self._options,
            self._journal,
            self._stopping,
            self._telling(),
            grave=grave,
            following=following,
            metrics=self._metrics(source),
        )

    def _metrics(self, source: Source) -> Metrics | None:
        """What was counted, for a file, a port, or both."""
        outlets: list[Outlet] = []
        if self._places.metrics_file:
            outlets.append(MetricsFile(self._places.metrics_file))
        if self._places.metrics_port:
            from scorekit.stream.metrics_port import MetricsPort

            port = MetricsPort(self._places.metrics_port)
            self._stack.callback(port.close)
            outlets.append(port)
        return Metrics(outlets, getattr(source, "lag", None)) if outlets else None

    def _telling(self) -> Telling:
        telling = Telling(self._progress.note)
        self._stack.callback(telling.close)
        return telling

    def _from(self, ends: Ends, grave: DeadLetters | None) -> Source:
        """Where what is scored comes from."""
        if self._lines is None:
            source = ends.source(self._places.source, self._options.batch_size, grave)
            self._stack.callback(source.close)
            return source
        self._lines.wake_by(self._stopping.wake)
        if isinstance(grave, LineGrave):
            self._lines.overflow = grave.overflow
        return self._lines

    def _grave(self, ends: Ends) -> DeadLetters | None:
        """Where what cannot be answered is put aside."""
        place = self._places.dead_letter
        if self._options.on_error != "dead-letter":
            return None
        if place is None or place == STANDARD:
            raise UsageError(
                "lines without a score are to be put aside, and --dead-letter does not say where",
                hint="name a file with --dead-letter",
            )
        if is_address(place) != is_address(self._places.source):
            come_from = called(self._places.source, "standard input")
            raise UsageError(
                f"{called(place)} cannot keep what comes from {come_from}",
                hint="put lines aside in a file, and messages with a broker",
            )
        grave = ends.dead_letters(place) if is_address(place) else LineGrave(open_sink(place))
        self._stack.callback(grave.close)
        return grave

    def result(self, stream: Stream) -> StreamResult:
        """How far it came."""
        seconds = 0.0 if stream.began is None else time.monotonic() - stream.began
        engine = stream.road.gate.scorer.engine.name
        return StreamResult(engine, self._options.run_id, stream.tally, seconds, self._stopping.asked)


def _complete(options: StreamOptions | None) -> StreamOptions:
    chosen = options or StreamOptions()
    return dataclasses.replace(chosen, run_id=chosen.run_id or uuid.uuid4().hex)
