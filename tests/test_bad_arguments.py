"""A sample of the bad arguments of `bad_arguments.py`: each is refused in words that name the argument."""

import inspect

import bad_arguments
import pytest

import trainwise as tw

# About this many of all, evenly spread, so that each argument has its turn.
SAMPLE = 400
# Results that others make, plain holders of values, layers that stand for others, and what has tests of its own.
NO_ROW = {
    "Advice", "Calibration", "Combination", "Comparison", "ExportRefusedError", "ExportReport", "Finding",
    "ObjectiveError", "Opening", "PopulationResult", "RangeResult", "Repair", "SealedSplit", "SearchFailedError",
    "SearchResult", "Selection", "Soup", "Split", "Splits", "Staged", "VoteReport", "diagnose", "read_folder",
    "fingerprint", "CNN", "MLP", "RNN", "Search", "search", "refuse_two_owners", "Task", "Shape", "shape",
    "TimeGradient", "NotProvedError", "Verification",
}  # fmt: skip


def public():
    """The names of all public functions and classes."""
    found = set()
    for module in (tw, tw.callbacks, tw.schedules, tw.optimizers, tw.layers, tw.tuning, tw.data, tw.members):
        for name in module.__all__:
            if inspect.isfunction(getattr(module, name)) or inspect.isclass(getattr(module, name)):
                found.add(name)
    return found


def test_everything_public_has_its_row(tmp_path):
    rows = {call.__name__ for call, _, _ in bad_arguments.arguments_of(tmp_path)}
    inner = {name for name in public() if name.startswith(("Stacked", "Member"))} | {"Folded", "Merged", "Unrolled"}
    # Made by the encoder of tables, from what it has found.
    inner |= {"NumberEncoding", "CategoryEncoding", "CategoryNumbers", "DateEncoding"}
    assert public() - rows - inner == NO_ROW & public()


def test_bad_arguments_are_refused_in_words_that_name_them(tmp_path):
    cases = list(bad_arguments.cases(tmp_path))
    step = max(1, len(cases) // SAMPLE)
    found = []
    for label, call, arguments, argument in cases[::step]:
        wrong = bad_arguments.complaint(call, arguments, argument)
        if wrong is not None:
            found.append(f"{label}: {wrong}")
    assert len(cases[::step]) >= SAMPLE
    assert found == []


@pytest.mark.parametrize("name", ["greedy_soup", "average_weights"])
def test_averages_are_not_measured_on_rows_with_nan(name):
    models = [bad_arguments.network(), bad_arguments.network()]
    with pytest.raises(ValueError, match="`x` holds NaN or infinite values"):
        getattr(tw, name)(models, bad_arguments.NAN_ROWS, bad_arguments.Y)


def test_the_generator_tells_what_was_taken_what_is_unclear_and_what_is_clear():
    def unclear(count):
        raise ValueError("Something else.")

    def clear(count):
        raise TypeError("`count` must be a whole number.")

    def wrong(count):
        raise KeyError("count")

    said = [bad_arguments.complaint(call, {"count": 1}, "count") for call in (unclear, clear, wrong, abs_of)]
    assert said[0].startswith("unclear: ValueError") and said[1] is None
    assert said[2].startswith("KeyError") and said[3] == "taken"


def abs_of(count):
    """Takes everything."""
    return count
