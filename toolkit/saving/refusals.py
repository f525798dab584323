"""The errors by which an export, or the proof of one, says no."""


class ExportRefusedError(RuntimeError):
    """The exported model did not predict as the model does; nothing was published.

    Example:

    >>> raise ExportRefusedError("The export was refused: its answers differ.")
    Traceback (most recent call last):
    ...
    trainwise.toolkit.saving.refusals.ExportRefusedError: The export was refused: its answers differ.
    """


class NotProvedError(RuntimeError):
    """A published version is not, or does not answer, as it was when it was published.

    Example:

    >>> raise NotProvedError("models/digits/1 is not as it was published: saved_model.pb has changed.")
    Traceback (most recent call last):
    ...
    trainwise.toolkit.saving.refusals.NotProvedError: models/digits/1 is not as it was published: ...
    """
