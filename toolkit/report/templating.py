"""The templates of pages, with the words of one language."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jinja2

from .words import Say, speaker, teller


@functools.cache
def environment(language: str = "en") -> jinja2.Environment:
    """What renders the templates in a language.

    Args:
        language: `"en"` or `"ko"`.

    Raises:
        ValueError: Another language.

    Example:

    >>> environment("ko").from_string("{{ _('epoch') }}, {{ true | shown }}").render()
    '에포크, 예'
    """
    say, tell = speaker(language), teller(language)
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        # Names of columns and files come from the user and may hold HTML.
        autoescape=True,
        # A field that the template asks for and nobody gives is a fault here, not a blank on the page.
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(say, lambda one, many, count: say(one if count == 1 else many), newstyle=True)  # type: ignore[attr-defined]
    made.globals["language"] = language
    made.filters.update(
        shown=functools.partial(shown, say=say), words=name_in_words, say=say, tell=lambda text: tell(str(text))
    )
    return made


def shown(value: Any, say: Say = str) -> str:
    """A value as the page shows it: four significant digits; a dash where there is none.

    Example:

    >>> shown(0.123456), shown(12345), shown(None), shown([1, True])
    ('0.1235', '12,345', '–', '1, yes')
    """
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(shown(one, say) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {shown(item, say)}" for key, item in value.items())
    return str(value)


def name_in_words(name: Any) -> str:
    """A name of code as words.

    Example:

    >>> name_in_words("learning_rate")
    'learning rate'
    """
    return str(name).replace("_", " ")
