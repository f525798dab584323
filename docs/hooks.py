"""What the pages take from elsewhere: the scripts and pictures of the examples, and the catalogues of the code."""

import ast
import posixpath
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
# Korean pages lie as their English ones do, under this folder.
KOREAN = "ko/"


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


def on_page_markdown(markdown, page, files, **_):
    """Fills in what the code itself holds, so that no page tells of what is no longer there."""
    address = page.file.src_uri
    korean = address.startswith(KOREAN)
    folder, _, name = address.removeprefix(KOREAN).rpartition("/")
    if folder == "subjects":
        markdown = _with_script(markdown, address)
    if not folder and name == "symptoms.md":
        symptoms, causes = (_symptoms_in_korean(), _causes_in_korean()) if korean else (_symptoms(), _causes())
        markdown = markdown.replace("{{ symptoms }}", symptoms).replace("{{ causes }}", causes)
    return _with_other_language(markdown, page.file, files)


def on_page_context(context, page, config, **_):
    """The theme speaks the language of the page; pages are rendered one after another."""
    config.theme["language"] = "ko" if page.file.src_uri.startswith(KOREAN) else "en"
    return context


def _with_script(markdown, address):
    """A subject is told by its script: what it is, the picture and the code have their one home there."""
    name = posixpath.basename(address).removesuffix(".md")
    code = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8")
    # The first line of the docstring repeats the title.
    told = ast.get_docstring(ast.parse(code)).partition("\n\n")[2]
    title = markdown.partition("\n")[0].removeprefix("# ")
    picture = f"![{title}]({posixpath.relpath(f'pictures/{name}.png', posixpath.dirname(address))})"
    shown = f"```python\n{code.rstrip()}\n```"
    return markdown.replace("{{ docstring }}", told).replace("{{ picture }}", picture).replace("{{ code }}", shown)


def _with_other_language(markdown, file, files):
    """Under the title a link to the same page in the other language, where there is one; the search leaves it out."""
    korean = file.src_uri.startswith(KOREAN)
    other = files.get_file_from_path(file.src_uri.removeprefix(KOREAN) if korean else KOREAN + file.src_uri)
    if other is None:
        return markdown
    name, language = ("English", "en") if korean else ("한국어", "ko")
    link = f'<a href="{other.url_relative_to(file)}" hreflang="{language}">{name}</a>'
    title, _, rest = markdown.partition("\n")
    return f"{title}\n\n<p data-search-exclude>{link}</p>\n{rest}"


def _symptoms():
    from trainwise.toolkit.diagnosis.catalogue import SYMPTOMS
    from trainwise.toolkit.diagnosis.wording import reason

    parts = []
    for name, sentence in SYMPTOMS.items():
        why = reason(name)
        parts.append(f"### `{name}`\n\n{sentence}" + (f"\n\nWhy the cure helps: {why}" if why else ""))
    return "\n\n".join(parts)


def _symptoms_in_korean():
    from trainwise.toolkit.diagnosis.korean import SYMPTOMS_KO
    from trainwise.toolkit.diagnosis.wording import reason

    parts = []
    for name, (title, sentence) in SYMPTOMS_KO.items():
        parts.append(f"### {title} `{name}`\n\n{sentence}\n\n처방이 듣는 이유: {reason(name, 'ko')}")
    return "\n\n".join(parts)


def _causes():
    from trainwise.toolkit.diagnosis.catalogue import CAUSES

    return _rows(CAUSES)


def _causes_in_korean():
    from trainwise.toolkit.diagnosis.korean import CAUSES_KO

    return _rows(CAUSES_KO)


def _rows(sentences):
    return "\n".join(f"| `{name}` | {sentence} |" for name, sentence in sentences.items())
