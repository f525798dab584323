"""The numbers of versions, also where several exports end at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from trainwise.toolkit.saving.numbering import latest_version, publish, version_numbers


def test_exports_that_end_at_once_get_a_number_each(tmp_path):
    drafts = [tmp_path / f".draft-{k}" for k in range(20)]
    for draft in drafts:
        draft.mkdir()
        (draft / "saved_model.pb").write_text(draft.name)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda draft: publish(draft, tmp_path), drafts))
    assert sorted(number for number, _ in found) == version_numbers(tmp_path) == list(range(1, 21))
    for draft, (_, folder) in zip(drafts, found, strict=True):
        assert (folder / "saved_model.pb").read_text() == draft.name


def test_only_folders_named_by_digits_are_versions(tmp_path):
    for name in ("1", "12", "03", "²", "x", ".draft-9"):
        (tmp_path / name).mkdir()
    (tmp_path / "99").write_text("a file")
    assert version_numbers(tmp_path) == [1, 3, 12]


def test_a_latest_version_that_is_half_written_or_gone_is_told_and_no_older_one_is_taken_for_it(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1/saved_model.pb").write_text("")
    assert latest_version(tmp_path) == tmp_path / "1"
    (tmp_path / "2").mkdir()
    with pytest.raises(FileNotFoundError, match="2, the latest version: it is half written, or being removed"):
        latest_version(tmp_path)


def test_a_folder_that_cannot_be_renamed_is_not_tried_forever(tmp_path):
    with pytest.raises(FileNotFoundError):
        publish(tmp_path / "nowhere", tmp_path)
