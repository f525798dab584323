"""One line on a terminal or in a notebook that is written anew while work goes on; nothing in a pipe."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text


class LiveLine:
    """Shows what a function answers, every half second; what is printed meanwhile stands above it.

    Args:
        words: Answers the line.
        console: The rich console to write to; standard output by default.

    Example:

    >>> import io
    >>> with LiveLine(lambda: "3 of 7", Console(file=io.StringIO())) as line:
    ...     line.is_shown
    False
    """

    def __init__(self, words: Callable[[], str], console: Console | None = None) -> None:
        self.words = words
        self.console = console or Console(highlight=False)
        self._live: Live | None = None

    @property
    def is_shown(self) -> bool:
        """Whether there is somewhere to show it."""
        return self.console.is_terminal or self.console.is_jupyter

    def __enter__(self) -> LiveLine:
        if self.is_shown:
            self._live = Live(
                get_renderable=lambda: Text(self.words(), no_wrap=True, overflow="ellipsis"),
                console=self.console,
                refresh_per_second=2,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
