"""The numbered versions of an exported model in one folder, as TensorFlow Serving reads them."""

from __future__ import annotations

from pathlib import Path


def version_numbers(path: str | Path) -> list[int]:
    """The numbers of the versions in a folder, lowest first.

    Example:

    >>> version_numbers("nowhere")
    []
    """
    folder = Path(path)
    if not folder.is_dir():
        return []
    # Digits of other scripts are digits too, and name no version.
    found = [entry for entry in folder.iterdir() if entry.name.isascii() and entry.name.isdigit() and entry.is_dir()]
    return sorted(int(entry.name) for entry in found)


def latest_version(path: str | Path) -> Path:
    """The SavedModel in `path`: `path` itself, or its highest numbered version.

    Raises:
        FileNotFoundError: There is none, or the highest version is not whole.
    """
    folder = Path(path)
    if (folder / "saved_model.pb").is_file():
        return folder
    numbers = version_numbers(folder)
    if not numbers:
        raise FileNotFoundError(f"There is no SavedModel in {folder}.")
    # The highest is what a server would load, so that no lower one stands in for it.
    latest = folder / str(numbers[-1])
    if not any((latest / name).is_file() for name in ("saved_model.pb", "saved_model.cpb")):
        raise FileNotFoundError(
            f"There is no SavedModel in {latest}, the latest version: it is half written, or being removed."
        )
    return latest


def publish(draft: Path, parent: Path) -> tuple[int, Path]:
    """Gives a finished folder the next number, by renaming: another export may take a number meanwhile.

    Args:
        draft: On the same disk as `parent`.
        parent: Folder that holds the versions.

    Returns:
        The number and the folder.
    """
    # Whatever this user's files are like: a server may run as another one.
    draft.chmod(0o755)
    while True:
        version = (version_numbers(parent) or [0])[-1] + 1
        final = parent / str(version)
        try:
            draft.rename(final)
        except OSError:
            if not final.exists():
                raise
            continue
        return version, final
