"""The examples at the end of docstrings, shown as code: mkdocstrings knows them only where they are indented."""

import griffe


class ExampleBlocks(griffe.Extension):
    """Fences what stands below `Example:`, to the end of a docstring."""

    def on_instance(self, *, obj, **_):
        if obj.docstring:
            told, head, example = obj.docstring.value.partition("\nExample:\n")
            if head:
                obj.docstring.value = f"{told}\n**Example**\n\n```pycon\n{example.strip()}\n```\n"
