"""What a search is known by: the same in every process, and another where a setting is another."""

import keras
import numpy as np
import pytest
from small_searches import X, Y, bare_build, compiled_build

from trainwise.toolkit.runtime.files import read_json
from trainwise.toolkit.stopping import Median
from trainwise.tuning import search
from trainwise.tuning.searching.identity import described, rule_identity, rule_in_words

QUICK = {"trials": 2, "epochs": 2, "verbose": 0}


class Hopeless:
    """A rule of the user's own, whose `repr` is its address."""

    def __init__(self, limit=1e9, inner=None):
        self.limit, self._seen = limit, []
        if inner is not None:
            self.inner = inner

    def reason(self, curve, others, epochs):
        self._seen.append(len(curve))
        return "hopeless" if min(curve) > self.limit else None


class Gentle(Hopeless):
    pass


@pytest.mark.parametrize("wrap", [lambda rule: rule, lambda rule: ["median", rule]])
def test_a_search_with_a_rule_of_the_users_own_is_gone_on_with(wrap, tmp_path):
    first_rule = Hopeless()
    first = search(compiled_build, X, Y, stopper=wrap(first_rule), directory=tmp_path, **QUICK)
    # Both rules are alive, so that the second has another address.
    again = search(compiled_build, X, Y, stopper=wrap(Hopeless()), directory=tmp_path, **QUICK)
    assert first_rule._seen
    assert [one.as_dict() for one in again.outcomes.values()] == [one.as_dict() for one in first.outcomes.values()]
    for other in (Hopeless(limit=3), Gentle()):
        with pytest.raises(ValueError, match="holds a search with other settings"):
            search(compiled_build, X, Y, stopper=wrap(other), directory=tmp_path, **QUICK)


def test_a_rule_of_the_toolkit_is_known_as_it_was_before():
    assert rule_identity(Median()) == repr(Median())
    assert rule_identity(None) == "None"


def test_a_rule_within_a_rule_counts():
    one, other = (Hopeless(inner=Hopeless(limit)) for limit in (1, 2))
    assert rule_identity(one) != rule_identity(other)
    assert rule_identity(one) == rule_identity(Hopeless(inner=Hopeless(1)))


def test_a_report_names_a_rule_of_the_users_own_by_class_and_settings():
    result = search(compiled_build, X, Y, stopper=Hopeless(), **QUICK)
    assert result.as_report()["settings"]["stopper"] == "Hopeless(limit=1000000000.0)"
    assert rule_in_words(Median()) == "Median(startup=5, warmup=2)"


class _Own:
    """Any object of the user's own."""

    def __call__(self, y, p):
        return keras.ops.mean(keras.ops.square(y - p))


@pytest.mark.parametrize(
    "make",
    [
        _Own,
        lambda: keras.callbacks.LambdaCallback(on_epoch_end=_Own()),
        lambda: {"class_weight": _Own()},
        lambda: [_Own(), keras.losses.Huber(0.5)],
        lambda: keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)),
        lambda: keras.metrics.MeanMetricWrapper(_Own(), name="own"),
        lambda: np.arange(3),
    ],
)
def test_no_address_goes_into_what_a_search_is_known_by(make):
    one, other = make(), make()
    said = [repr(described(each)) for each in (one, other)]
    assert said[0] == said[1]
    assert "0x" not in said[0]


def test_a_search_with_an_optimizer_object_is_gone_on_with_beside_other_optimizers(tmp_path):
    for others in range(2):
        # Keras names the third one of a process "sgd_2".
        given = [keras.optimizers.SGD(0.01, momentum=0.5) for _ in range(1 + 2 * others)][-1]
        result = search(bare_build, X, Y, optimizer=given, population=[0.1], directory=tmp_path, **QUICK)
    assert len(result.outcomes) == 2
    with pytest.raises(ValueError, match="other loss, optimizer or metrics"):
        given = keras.optimizers.SGD(0.01, momentum=0.6)
        search(bare_build, X, Y, optimizer=given, population=[0.1], directory=tmp_path, **QUICK)


def test_the_file_of_a_search_is_the_same_in_two_folders(tmp_path):
    for name in "ab":
        search(compiled_build, X, Y, stopper=Hopeless(), directory=tmp_path / name, **{**QUICK, "trials": 1})
    known = [read_json(tmp_path / name / "search" / "search.json") for name in "ab"]
    assert known[0] == known[1]
