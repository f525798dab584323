"""What the pages take from elsewhere: the pictures of the examples, and the catalogues of the code."""

from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]


def on_files(files, config):
    """The pictures stay with the scripts that draw them; pages find them under `pictures/`."""
    examples = ROOT / "examples"
    for picture in sorted([*examples.glob("*.png"), *(examples / "pictures").glob("*.png")]):
        files.append(File.generated(config, f"pictures/{picture.name}", abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown, page, **_):
    """Fills in the tables that the code itself holds, so that no page tells of what is no longer there."""
    if page.file.src_uri == "symptoms.md":
        return markdown.replace("{{ symptoms }}", _symptoms()).replace("{{ causes }}", _causes())
    return markdown


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
