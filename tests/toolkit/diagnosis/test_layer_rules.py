"""Health of layers: rules on looks written by hand."""

import math

import pytest

from trainwise.toolkit.diagnosis.layer_rules import read_health
from trainwise.toolkit.diagnosis.layer_state import LayerHealth, Probe


def _layers(**changes):
    """Three healthy layers, with changes by name of the field: one value a layer."""
    fields = {"gradient": (0.1, 0.1, 0.1), "weight": (1.0, 1.0, 1.0), "moved": (1e-3, 1e-3, 1e-3)} | changes
    return tuple(
        LayerHealth(f"layer{place}", **{name: values[place] for name, values in fields.items()}) for place in range(3)
    )


def _looks(count=6, losses=None, spread=0.3, penalty=0.0, **changes):
    losses = losses or [1.0] * count
    return [Probe(step * 10, 0, losses[step] + penalty, penalty, spread, _layers(**changes)) for step in range(count)]


def _said(probes, constant=1.0):
    return [(finding.symptom, finding.level) for finding in read_health(probes, constant)]


def test_healthy_looks_say_nothing():
    assert _said(_looks(losses=[1.0, 0.8, 0.6, 0.4, 0.3, 0.2])) == []
    assert read_health([]) == []


@pytest.mark.parametrize(
    ("changes", "symptom"),
    [
        ({"gradient": (math.nan, 0.1, 0.1)}, "non_finite"),
        ({"weight": (1.0, math.inf, 1.0)}, "non_finite"),
        ({"finite": (True, False, True)}, "non_finite"),
        ({"spread": 0.0}, "constant_output"),
        ({"alike": (0.0, 1.0, 1.0)}, "symmetric_weights"),
        ({"dead": (0.95, 0.2, None)}, "dead_relu"),
        ({"saturated": (None, 0.95, None)}, "saturated_activation"),
        ({"moved": (1e-3, 0.0, 1e-3)}, "unchanged_weights"),
        ({"moved": (1e-7, 1e-6, 1e-6)}, "learning_rate_too_low"),
        ({"gradient": (1e-6, 1e-3, 0.1)}, "vanishing_gradient"),
        ({"penalty": 3.0}, "regularizer_dominates"),
    ],
)
def test_each_illness_is_named_where_the_loss_stands_still(changes, symptom):
    found = read_health(_looks(**changes), 1.0)
    assert symptom in [finding.symptom for finding in found if finding.level != "info"]
    (one,) = [finding for finding in found if finding.symptom == symptom]
    assert one.causes
    assert one.advice


@pytest.mark.parametrize("changes", [{"gradient": (1e-6, 1e-3, 0.1)}, {"penalty": 3.0}, {"dead": (0.6, 0.0, None)}])
def test_what_does_not_keep_a_model_from_learning_is_no_warning(changes):
    found = _said(_looks(losses=[1.0, 0.6, 0.4, 0.3, 0.2, 0.1], **changes))
    assert [level for _, level in found if level != "info"] == []


def test_one_look_is_no_proof_and_units_dead_before_training_name_the_start():
    assert _said(_looks(count=1, dead=(1.0, 0.0, None), spread=0.0)) == []
    (found,) = [f for f in read_health(_looks(dead=(1.0, 0.0, None)), 1.0) if f.symptom == "dead_relu"]
    assert "before training" in found.message


def test_a_gradient_that_explodes_with_the_loss_is_said():
    calm = _looks(count=5, losses=[1.0, 1.0, 1.0, 1.0, 1.0])
    burst = Probe(99, 1, 50.0, 0.0, 0.3, _layers(gradient=(5.0, 5.0, 5.0)))
    assert ("exploding_gradient", "warning") in _said([*calm, burst])


def test_layers_at_unlike_paces_are_worth_knowing():
    assert ("unequal_update_ratio", "info") in _said(
        _looks(losses=[1, 0.8, 0.6, 0.4, 0.3, 0.2], moved=(1e-5, 1e-3, 5e-3))
    )
