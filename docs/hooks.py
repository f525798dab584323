"""What the pages take from elsewhere: the scripts and pictures of the examples, and the catalogues of the code."""

import ast
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]


def on_files(files, config):
    """The pictures stay with the scripts that draw them; pages find them under `pictures/`."""
    examples = ROOT / "examples"
    for picture in sorted([*examples.glob("*.png"), *(examples / "pictures").glob("*.png")]):
        files.append(File.generated(config, f"pictures/{picture.name}", abs_src_path=str(picture)))
    return files


def on_post_page(output, page, config):
    """Material asks a server far away for what lets the search work from the disk; it stands beside the pages here."""
    up = "../" * page.url.count("/")
    return output.replace("https://unpkg.com/iframe-worker/shim", f"{up}worker_on_disk.js")


def on_page_markdown(markdown, page, **_):
    """Fills in the tables that the code itself holds, so that no page tells of what is no longer there."""
    folder, _, name = page.file.src_uri.rpartition("/")
    if folder == "subjects":
        return _with_script(markdown, name.removesuffix(".md"))
    if page.file.src_uri == "symptoms.md":
        return markdown.replace("{{ symptoms }}", _symptoms()).replace("{{ causes }}", _causes())
    return markdown


def _with_script(markdown, name):
    """A subject is told by its script: what it is, the picture and the code have their one home there."""
    code = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8")
    # The first line of the docstring repeats the title.
    told = ast.get_docstring(ast.parse(code)).partition("\n\n")[2]
    picture = f"![{name.replace('_', ' ')}](../pictures/{name}.png)"
    shown = f"```python\n{code.rstrip()}\n```"
    return markdown.replace("{{ docstring }}", told).replace("{{ picture }}", picture).replace("{{ code }}", shown)


def _symptoms():
    from trainwise.toolkit.diagnosis.catalogue import SYMPTOMS
    from trainwise.toolkit.diagnosis.wording import reason

    parts = []
    for name, sentence in SYMPTOMS.items():
        why = reason(name)
        parts.append(f"### `{name}`\n\n{sentence}" + (f"\n\nWhy the cure helps: {why}" if why else ""))
    return "\n\n".join(parts)


def _causes():
    from trainwise.toolkit.diagnosis.catalogue import CAUSES

    return "\n".join(f"| `{name}` | {sentence} |" for name, sentence in CAUSES.items())
