"""Lets no error of a watch end the fit that it watches."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

Watch = TypeVar("Watch", bound=type)


def guarded(watch: Watch) -> Watch:
    """Class decorator: an error inside a hook of a callback is said as a warning, and the fit goes on without it.

    The fit is worth more than what is said about it. After such an error the callback sleeps until the next fit.

    Example:

    >>> @guarded
    ... class Broken:
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         raise KeyError("loss")
    >>> with warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     Broken().on_epoch_end(0)
    >>> str(said[0].message)[:48]
    "Broken stopped watching: KeyError('loss'). The f"
    """
    for name, hook in list(vars(watch).items()):
        if name.startswith("on_") and callable(hook):
            setattr(watch, name, _guarded(hook))
    return watch


def _guarded(hook: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(hook)
    def run(self: Any, *args: Any, **kwargs: Any) -> None:
        if hook.__name__ == "on_train_begin":
            self._asleep = False
        if getattr(self, "_asleep", False):
            return
        try:
            hook(self, *args, **kwargs)
        # Who turns warnings into errors wants them to end what they come from.
        except Warning:
            raise
        # Whatever else it is, it is our fault and not the fit's.
        except Exception as error:
            self._asleep = True
            warnings.warn(
                f"{type(self).__name__} stopped watching: {error!r}. The fit goes on as without it. Please report "
                "this with the model and the call of `fit`.",
                RuntimeWarning,
                stacklevel=2,
            )

    return run
