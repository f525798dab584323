"""Members that are stuck, told by others of the same settings."""

import keras
import numpy as np
import pytest

import trainwise as tw
from trainwise.toolkit.diagnosis.findings import Finding
from trainwise.toolkit.population.settings import read_settings
from trainwise.toolkit.population.unlucky_starts import with_unlucky_starts

STILL = Finding("plateau", "info", "It stands still.")


def _history(level, start=0.7):
    return {"loss": [start] + [level] * 11}


def _told(histories, **given):
    settings = read_settings(len(histories), given)
    return [own[0] for own in with_unlucky_starts(settings, histories, [[STILL] for _ in histories])]


def test_a_member_that_another_start_left_far_behind_is_warned_of_its_start():
    stuck, lucky = _told([_history(0.35), _history(0.01)])
    assert stuck.level == "warning" and stuck.causes[0] == "bad_init"
    assert "the starting weights of seed 1 came to a loss of 0.01" in stuck.message
    assert [advice.sentence for advice in stuck.advice] == ["set seed to 1"]
    assert stuck.evidence["other_start"] == pytest.approx(0.01)
    assert lucky == STILL
    assert Finding.from_dict(stuck.as_dict()) == stuck


@pytest.mark.parametrize("level", [0.3, 0.2, float("nan")])
def test_one_that_is_a_little_lower_or_broken_proves_nothing(level):
    assert _told([_history(0.35), _history(level)]) == [STILL, STILL]


def test_two_floors_far_below_the_start_are_alike():
    assert _told([_history(0.004), _history(0.001)]) == [STILL, STILL]


def test_members_with_other_settings_or_the_same_seed_prove_nothing():
    assert _told([_history(0.35), _history(0.01)], learning_rate=[0.1, 0.2], seed=[0, 1]) == [STILL, STILL]
    assert _told([_history(0.35), _history(0.01)], seed=[3, 3]) == [STILL, STILL]


def test_other_findings_stay_as_they_are():
    other = Finding("overfitting", "warning", "It overfits.")
    told = with_unlucky_starts(read_settings(2, {}), [_history(0.35), _history(0.01)], [[other], []])
    assert told == [[other], []]


def test_starts_of_xor_that_are_stuck_are_told_from_those_that_solve_it():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    y = np.array([[0], [1], [1], [0]], "float32")

    def build():
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, "tanh"), keras.layers.Dense(1, "sigmoid")])

    settings = {"optimizer": "adam", "learning_rate": 0.1, "loss": "binary_crossentropy"}
    made = tw.fit_population(build, x, y, size=4, epochs=250, batch_size=4, verbose=0, **settings)
    losses = [history["loss"][-1] for history in made.histories]
    # Three of four answers at their best: a third of 2 ln 2 and more is what two answers of one half cost.
    stuck = [loss > 0.3 for loss in losses]
    assert 0 < sum(stuck) < 4
    for k, found in enumerate(made.findings):
        blamed = [finding for finding in found if "bad_init" in finding.causes[:1]]
        assert bool(blamed) == stuck[k]
        assert all(finding.level == "warning" and "seed 1" in finding.message for finding in blamed)
        assert stuck[k] == any(
            advice.sentence == "set seed to another one"
            for finding in tw.diagnose(made.histories[k])
            for advice in finding.advice
        )
