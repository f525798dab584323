"""Reads gradients, weights and activations of a run and says which layers are ill; numpy only, no Keras."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .findings import Advice, Finding, rank
from .flat_parts import OFF, at_its_ends
from .layer_state import LayerHealth, Probe
from .thresholds import limit


def read_health(probes: Sequence[Probe], constant_loss: float | None = None, sure: bool = True) -> list[Finding]:
    """Says what looks at one run show; a run in good order gives no warning and no error.

    Args:
        probes: The looks, first to last; the first one before training.
        constant_loss: Loss of the best constant prediction, or `None`.
        sure: Whether so much of the run is over that a loss that still stands is no slow start.

    Returns:
        At most one finding per symptom, surest first: `non_finite`, `constant_output`, `symmetric_weights`,
        `dead_relu`, `saturated_activation`, `unchanged_weights`, `learning_rate_too_low`,
        `vanishing_gradient`, `exploding_gradient`, `regularizer_dominates`, `unequal_update_ratio`.

    Reference: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks"; Lu et al. 2019, "Dying ReLU and initialization", arXiv:1903.06733.

    Example:

    >>> probe = Probe(0, 0, 0.7, 0.0, 0.1, (LayerHealth("d", gradient=math.nan, weight=1.0),))
    >>> [finding.symptom for finding in read_health([probe])]
    ['non_finite']
    """
    looks = _Looks(tuple(probes), constant_loss, sure)
    if not looks.probes:
        return []
    broken = _non_finite(looks)
    if broken is not None:
        # The other rules compare numbers, which says nothing once one of them is NaN.
        before = tuple(p for p in looks.probes if broken.step is None or p.step < broken.step)
        looks = _Looks(before, constant_loss, sure)
    rules = (
        _constant_output,
        _symmetric,
        _dead,
        _saturated,
        _unchanged,
        _barely_moves,
        _vanishing,
        _exploding,
        _regularizer,
        _unequal,
    )
    found = [finding for rule in rules if looks.probes and (finding := rule(looks))]
    return rank([*([broken] if broken else []), *found])


@dataclass(frozen=True)
class _Looks:
    probes: tuple[Probe, ...]
    constant_loss: float | None
    sure: bool = True

    @property
    def last(self) -> Probe:
        return self.probes[-1]

    @property
    def mark(self) -> float:
        """Loss that a model must get below to have learnt anything."""
        start = self.probes[0].data_loss
        return start if self.constant_loss is None else min(start, self.constant_loss)

    @property
    def stuck(self) -> bool:
        """Whether the last look shows no more than a constant prediction."""
        # A first look alone has no loss to compare with.
        return self.sure and len(self.probes) > 1 and self.last.data_loss >= limit("poor_loss") * self.mark

    def layers(self, name: str) -> list[LayerHealth]:
        return [layer for probe in self.probes for layer in probe.layers if layer.name == name]

    def lasting(self, count: int) -> tuple[Probe, ...]:
        """The last looks, `count` of them; empty where there are fewer, or before training."""
        # The look before training says how a model was made, not how it trains.
        later = tuple(p for p in self.probes if p.step > 0)
        return later[-count:] if len(later) >= count else ()


def _bad(value: float | None) -> bool:
    return value is not None and not math.isfinite(value)


def _non_finite(looks: _Looks) -> Finding | None:
    for probe in looks.probes:
        for layer in probe.layers:
            # Weights first: they stay bad, answers and gradients follow from them.
            what = "weights" if _bad(layer.weight) else "answers" if not layer.finite else "gradient"
            if what != "gradient" or _bad(layer.gradient):
                return Finding(
                    "non_finite",
                    "error",
                    f"The {what} of layer {layer.name!r} are NaN or infinite after {probe.step} updates.",
                    epoch=probe.epoch,
                    step=probe.step,
                    layer=layer.name,
                    evidence={"updates": float(probe.step)},
                    causes=("lr_too_high", "exploding_gradient", "nan_in_inputs", "input_not_normalized"),
                    advice=(Advice("learning_rate", "lower", 10.0), Advice("clipnorm", "set", 1.0)),
                )
    return None


def _constant_output(looks: _Looks) -> Finding | None:
    lasting = looks.lasting(int(limit("lasting_looks")))
    # All targets equal is the one case where a constant is right.
    if not lasting or any(probe.spread > limit("constant_spread") for probe in lasting) or looks.constant_loss == 0:
        return None
    # A loss that falls although the answers stay the same is computed from something else than the answers.
    elsewhere = looks.last.data_loss < limit("poor_loss") * looks.mark
    dead = max((layer.dead or 0.0 for layer in looks.last.layers), default=0.0)
    # Outputs that differed before training were killed by it; else the model was made so.
    started = looks.probes[0].spread > limit("constant_spread")
    causes: tuple[str, ...] = ("wrong_output_activation", "dying_relu", "vanishing_gradient")
    if dead >= limit("dead_units"):
        causes = ("dying_relu", "lr_too_high", "wrong_output_activation")
    elif not elsewhere and started:
        causes = ("lr_too_high", "dying_relu", "wrong_output_activation")
    return Finding(
        "constant_output",
        "warning",
        f"The model gives the same output for every row (spread {looks.last.spread:.1e})"
        + (", although its loss falls." if elsewhere else "."),
        epoch=lasting[0].epoch,
        step=lasting[0].step,
        evidence={"spread": looks.last.spread, "loss": looks.last.loss},
        causes=causes,
        advice=(Advice("learning_rate", "lower", 10.0), Advice("kernel_initializer", "set", "he_normal"))
        if causes[0] != "wrong_output_activation"
        else (Advice("output_activation", "set", "one that fits the loss"),),
    )


def _symmetric(looks: _Looks) -> Finding | None:
    # Without the last: a single output unit is like itself, and equal output units still get unlike gradients.
    hidden = [layer.name for layer in looks.last.layers if layer.weight is not None][:-1]
    lasting = looks.lasting(1)
    for name in hidden:
        # At all looks: units that part later were a start that healed itself.
        if lasting and all(layer.alike < limit("alike_units") for layer in looks.layers(name)):
            return Finding(
                "symmetric_weights",
                "error",
                f"All units of layer {name!r} have had the same weights for {looks.last.step} updates, so they count "
                "as one.",
                epoch=0,
                step=0,
                layer=name,
                evidence={"updates": float(looks.last.step)},
                causes=("constant_init", "bad_init"),
                advice=(Advice("kernel_initializer", "set", "he_normal"),),
            )
    return None


def _worst(probes: Sequence[Probe], name: str) -> tuple[LayerHealth, float] | None:
    """The layer whose lowest share over the looks is the highest, with that share."""
    best: tuple[LayerHealth, float] | None = None
    for layer in probes[-1].layers if probes else ():
        shares = [getattr(one, name) for probe in probes for one in probe.layers if one.name == layer.name]
        # The lowest share of a layer is what lasts: a single bad look is forgiven.
        if shares and all(share is not None for share in shares) and (best is None or min(shares) > best[1]):
            best = layer, min(shares)
    return best


def _dead(looks: _Looks) -> Finding | None:
    worst = _worst(looks.lasting(int(limit("lasting_looks"))), "dead")
    if worst is None or worst[1] < limit("dead_some"):
        return None
    layer, share = worst
    # Half of the units dead is seen in healthy runs too; it counts where the loss stands still with it.
    surely = share >= limit("dead_units") or (looks.stuck and len(looks.probes) > limit("dead_looks"))
    from_start = (looks.layers(layer.name)[0].dead or 0.0) >= limit("dead_some")
    return Finding(
        "dead_relu",
        "warning" if surely else "info",
        f"{share:.0%} of the units of layer {layer.name!r} output {'next to ' if OFF.get(layer.activation) else ''}"
        f"zero for every row that was looked at{', and did so before training' if from_start else ''}.",
        epoch=looks.lasting(int(limit("lasting_looks")))[0].epoch,
        step=looks.last.step,
        layer=layer.name,
        evidence={"dead_share": share, "loss": looks.last.loss},
        causes=dead_causes(looks.last, layer, from_start),
        advice=(
            Advice("dead_units", "start again", layer.name),
            Advice("learning_rate", "lower", 10.0),
            Advice("kernel_initializer", "set", "he_normal"),
            Advice("activation", "set", "leaky_relu"),
        ),
    )


def dead_causes(probe: Probe, layer: LayerHealth, from_start: bool) -> tuple[str, ...]:
    """Why units of a layer died: of few units soon none is left; else the start, or steps too long, killed them."""
    hidden = [one for one in probe.layers if one.weight is not None]
    outputs = hidden[-1].units if hidden else None
    # The same law as `outcome_rules._too_narrow`, from what was measured.
    narrow = layer.units is not None and outputs is not None and layer.units < min(outputs, limit("narrow_units"))
    if narrow or ((layer.units or 3) <= 2 and len(hidden) <= limit("deep_relu")):
        return ("capacity_too_small", "dying_relu", "lr_too_high")
    return (
        ("dying_relu", "bad_init_for_relu", "lr_too_high") if from_start else ("dying_relu", "lr_too_high", "bad_init")
    )


def _saturated(looks: _Looks) -> Finding | None:
    worst = _worst(looks.lasting(int(limit("lasting_looks"))), "saturated")
    if worst is None or worst[1] < limit("saturated_share"):
        return None
    layer, share = worst
    from_start = (looks.layers(layer.name)[0].saturated or 0.0) >= limit("saturated_share") / 2
    return Finding(
        "saturated_activation",
        "warning" if looks.stuck else "info",
        f"{share:.0%} of the answers of layer {layer.name!r} sit {at_its_ends(layer.activation)}"
        + (", as they did before training." if from_start else "."),
        epoch=looks.last.epoch,
        step=looks.last.step,
        layer=layer.name,
        evidence={"saturated_share": share},
        causes=("input_not_normalized", "large_init", "wrong_hidden_activation")
        if from_start
        else ("lr_too_high", "wrong_hidden_activation", "input_not_normalized"),
        advice=(
            Advice("normalization", "set", "Standardize"),
            Advice("learning_rate", "lower", 10.0),
            Advice("kernel_initializer", "set", "glorot_uniform"),
            Advice("activation", "set", "relu"),
        ),
    )


def _unchanged(looks: _Looks) -> Finding | None:
    """Weights that no sampled update has moved by a single bit."""
    if looks.last.step < limit("unchanged_updates"):
        return None
    for layer in looks.last.layers:
        moves = [one.moved for one in looks.layers(layer.name) if one.moved is not None]
        gradients = [one.gradient for one in looks.layers(layer.name) if one.gradient is not None]
        # Exact zero, no tolerance: slow layers are the matter of `_barely_moves`.
        if len(moves) < limit("unchanged_looks") or any(moves):
            continue
        # A watch without rows measures no gradients, and cannot say that none arrive.
        flat = bool(gradients) and not any(gradients)
        return Finding(
            "unchanged_weights",
            "warning",
            f"The weights of layer {layer.name!r} have not changed in {looks.last.step} updates: "
            + ("no gradient reaches them." if flat else "the updates are too small to count."),
            epoch=0,
            step=0,
            layer=layer.name,
            evidence={"updates": float(looks.last.step)},
            causes=("dying_relu", "vanishing_gradient", "wrong_output_activation")
            if flat
            else ("lr_too_low", "vanishing_gradient", "optimizer_too_slow"),
            advice=(Advice("kernel_initializer", "set", "he_normal"), Advice("activation", "set", "relu"))
            if flat
            else (Advice("learning_rate", "raise", 10.0),),
        )
    return None


def _barely_moves(looks: _Looks) -> Finding | None:
    """No layer moves by more than a hair per update, from the start on, and little is learnt by it."""
    # Later looks would alarm where a rate decays or a solved model rests.
    early = [p for p in looks.probes if any(layer.ratio is not None for layer in p.layers)][: int(limit("early_looks"))]
    if len(early) < limit("unchanged_looks") or looks.last.step < limit("unchanged_updates"):
        return None
    fastest = [max(layer.ratio or 0.0 for layer in probe.layers) for probe in early]
    has_gradient = all(any(layer.gradient for layer in probe.layers) for probe in early)
    # Without any gradient the rate is not to blame.
    if max(fastest) >= limit("least_ratio") or not has_gradient or not any(fastest):
        return None
    if looks.last.data_loss < limit("moved_loss") * looks.probes[0].data_loss:
        return None
    # The power of ten that brings the fastest layer to the usual pace.
    factor = min(1000.0, 10.0 ** math.ceil(math.log10(limit("usual_ratio") / max(fastest))))
    return Finding(
        "learning_rate_too_low",
        "warning",
        f"No layer moves by more than {max(fastest):.1e} of its weights per update; about {limit('usual_ratio'):g} "
        "is usual.",
        epoch=0,
        step=looks.last.step,
        evidence={"update_ratio": max(fastest), "loss": looks.last.loss},
        causes=("lr_too_low", "optimizer_too_slow", "vanishing_gradient"),
        advice=(Advice("learning_rate", "raise", factor),),
    )


def _vanishing(looks: _Looks) -> Finding | None:
    lasting = looks.lasting(int(limit("lasting_looks")))
    if not lasting or not looks.stuck:
        return None
    ratios = []
    for probe in lasting:
        slopes = [layer.slope for layer in probe.layers if layer.slope is not None]
        # First against last needs a layer between them; a last one without gradient would divide by zero.
        if len(slopes) < 3 or not slopes[-1]:
            return None
        ratios.append(slopes[0] / slopes[-1])
    if max(ratios) >= limit("vanishing_ratio"):
        return None
    name = next(layer.name for layer in looks.last.layers if layer.slope is not None)
    return Finding(
        "vanishing_gradient",
        "warning",
        f"The gradient of the first layer {name!r} is {max(ratios):.1e} of the last layer's, relative to their "
        "weights, and the loss stands still.",
        epoch=lasting[0].epoch,
        step=lasting[0].step,
        layer=name,
        evidence={"gradient_ratio": max(ratios)},
        causes=("vanishing_gradient", "too_deep", "wrong_hidden_activation"),
        advice=(
            Advice("activation", "set", "relu"),
            Advice("kernel_initializer", "set", "he_normal"),
            Advice("batch_normalization", "add"),
            Advice("layers", "lower", 2.0),
        ),
    )


def _exploding(looks: _Looks) -> Finding | None:
    """A gradient far above its usual size, with a loss that has risen since."""
    norms = [math.hypot(*(layer.gradient or 0.0 for layer in probe.layers)) for probe in looks.probes]
    if len(norms) < limit("explosion_looks"):
        return None
    # The median, so that an earlier peak does not count as usual.
    usual = sorted(norms[:-1])[len(norms[:-1]) // 2]
    start = looks.probes[0]
    if not usual or norms[-1] < limit("explosion_ratio") * usual or norms[-1] < limit("explosion_ratio") * norms[0]:
        return None
    # A large gradient that does no harm is no finding.
    if looks.last.data_loss < limit("spike_ratio") * start.data_loss:
        return None
    return Finding(
        "exploding_gradient",
        "warning",
        f"The gradient has grown to {norms[-1] / usual:.3g} times its usual size, and the loss to "
        f"{looks.last.loss:.4g} from {start.loss:.4g}.",
        epoch=looks.last.epoch,
        step=looks.last.step,
        evidence={"growth": norms[-1] / usual, "loss": looks.last.loss},
        causes=("lr_too_high", "exploding_gradient", "input_not_normalized"),
        advice=(Advice("clipnorm", "set", 1.0), Advice("learning_rate", "lower", 10.0)),
    )


def _regularizer(looks: _Looks) -> Finding | None:
    lasting = looks.lasting(int(limit("lasting_looks")))
    first = looks.probes[0]
    if not lasting or not first.penalty > 0 or not first.data_loss > 0:
        return None
    # The penalty may fall as fast as the weights do, so that only its size at the start shows its strength.
    strength = first.penalty / first.data_loss
    if strength < limit("penalty_share") or not looks.stuck:
        return None
    return Finding(
        "regularizer_dominates",
        "warning",
        f"The penalty on the weights was {strength:.3g} times the loss on the data at the start, and the model has "
        "learnt nothing but small weights.",
        epoch=lasting[0].epoch,
        step=lasting[0].step,
        evidence={"penalty_share": strength, "loss": looks.last.loss},
        causes=("over_regularized", "capacity_too_small"),
        advice=(Advice("regularization", "lower", 100.0),),
    )


def _unequal(looks: _Looks) -> Finding | None:
    early = [p for p in looks.probes if p.step > 0][: int(limit("early_looks"))]
    spreads: list[float] = []
    for probe in early:
        ratios = [layer.ratio for layer in probe.layers if layer.ratio]
        if len(ratios) >= 2:
            spreads.append(max(ratios) / min(ratios))
    # The smallest spread: it must be unequal at every early look.
    if len(spreads) < limit("unchanged_looks") or min(spreads) < limit("unequal_spread"):
        return None
    return Finding(
        "unequal_update_ratio",
        "info",
        f"Relative to their weights, some layers move {min(spreads):.3g} times as fast as others.",
        epoch=0,
        step=early[-1].step,
        evidence={"spread": min(spreads)},
        causes=("vanishing_gradient", "bad_init"),
        advice=(Advice("optimizer", "set", "LayerwiseLearningRate"),),
    )
