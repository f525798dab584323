"""The catalogue of symptoms and causes, each with its sentence; the order in which findings are sure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Level = Literal["info", "warning", "error"]


LEVELS: tuple[Level, ...] = ("error", "warning", "info")


SYMPTOMS: Mapping[str, str] = MappingProxyType(
    {
        "learning_rate_too_low": "The loss falls in a straight line: each update moves the weights too little.",
        "learning_rate_too_high": "The loss spikes, or drops and stays high: each update moves the weights too far.",
        "oscillating": "The loss goes up and down by more than the noise of its batches.",
        "diverging": "The loss grows without bound.",
        "non_finite": "The loss is NaN or infinite.",
        "not_learning": "The model does no better than a constant prediction.",
        "plateau": "The loss has stopped falling above the level it could reach.",
        "still_improving": "The budget of epochs ended while the loss was still falling.",
        "overfitting": "The validation rows get worse while the training rows get better.",
        "underfitting": "Training has flattened out at a result that a simpler model reaches.",
        "validation_mismatch": "The validation rows are worse from the first epoch on.",
        "vanishing_gradient": "The gradient of the first layers is vanishingly small beside that of the last.",
        "exploding_gradient": "The gradient grows far beyond its usual size.",
        "dead_relu": "Units of a ReLU layer output zero for every row.",
        "saturated_activation": "Units of a sigmoid, tanh or ELU layer sit where their activation is flat.",
        "unchanged_weights": "Weights that should train did not move.",
        "unequal_update_ratio": "Layers move at very different paces relative to their weights.",
        "constant_output": "The model gives the same output for every row.",
        "symmetric_weights": "Units of a layer started equal and stay equal.",
        "regularizer_dominates": "The penalty on the weights outweighs the loss on the data.",
        "wrong_loss": "The loss does not fit the task or the labels.",
        "wrong_output_activation": "The output activation does not fit the loss or the targets.",
        "output_units": "The number of output units does not fit the labels.",
        "label_range": "Labels lie outside the range that the loss accepts.",
        "label_shape": "The shape of the labels does not fit the loss.",
        "unscaled_inputs": "Inputs are large or very unequal in scale, and nothing normalises them.",
        "unscaled_targets": "Regression targets are large, and nothing scales them.",
        "non_finite_data": "The data hold NaN or infinite values.",
        "class_imbalance": "One class has far more rows than another.",
        "shared_rows": "Validation rows stand among the training rows too.",
        "unadapted_normalization": "A normalisation layer has no statistics yet.",
        "input_shape": "The inputs do not have the number or the shapes that the model takes.",
        "not_judged": "A part of the fit could not be looked at, and was left out.",
        "poor_initialization": "The starting weights make the loss much worse than a constant prediction.",
    }
)


CAUSES: Mapping[str, str] = MappingProxyType(
    {
        "lr_too_low": "The learning rate is too low.",
        "optimizer_too_slow": "The optimizer moves too slowly for this problem.",
        "too_few_epochs": "Training stops too early.",
        "batch_too_large_for_budget": "The batch is so large that the budget holds too few updates.",
        "lr_too_high": "The learning rate is too high.",
        "batch_too_small": "The batch is so small that its gradient is mostly noise.",
        "input_not_normalized": "The inputs are not normalised.",
        "target_not_normalized": "The targets are not normalised.",
        "optimizer_unsuited": "The optimizer does not suit the problem.",
        "exploding_gradient": "The gradients explode.",
        "large_init": "The starting weights are too large.",
        "wrong_output_activation": "The output activation does not fit the task.",
        "single_unit_softmax": "Softmax over a single unit is always one.",
        "relu_output_regression": "A ReLU output cannot answer negative targets.",
        "sigmoid_output_regression": "A sigmoid output cannot answer targets outside 0 to 1.",
        "relu_output_with_bce": "A ReLU output gives no probability for binary cross-entropy.",
        "relu_output_with_cce": "A ReLU output gives no probabilities for categorical cross-entropy.",
        "sigmoid_with_cce": "Sigmoid outputs do not sum to one, as categorical cross-entropy expects.",
        "linear_output_with_ce": "A linear output gives no probability, and the loss was not told `from_logits=True`.",
        "softmax_for_multilabel": "Softmax lets only one of several labels be true.",
        "redundant_softmax": "Softmax is applied before a loss that applies it again.",
        "missing_normalization_layer": "A normalisation layer is missing.",
        "wrong_loss": "The loss does not fit the task.",
        "sigmoid_with_mse": "Mean squared error on a sigmoid stalls where the sigmoid saturates.",
        "softmax_with_mse": "Mean squared error on a softmax stalls where the softmax saturates.",
        "labels_outside_loss_range": "The labels lie outside the range of the loss.",
        "output_units_mismatch": "The number of output units does not match the labels.",
        "labels_shape_mismatch": "The shape of the labels does not match the loss.",
        "dying_relu": "ReLU units have died.",
        "bad_init_for_relu": "The initialiser does not suit ReLU.",
        "bad_init": "The starting weights are bad.",
        "constant_init": "All starting weights are equal.",
        "tiny_init": "The starting weights are too small.",
        "too_deep": "The network is too deep to train as it is.",
        "too_deep_narrow_relu": "The network is too deep and narrow for ReLU.",
        "vanishing_gradient": "The gradients vanish.",
        "wrong_hidden_activation": "The hidden activation does not suit the network.",
        "capacity_too_small": "The network is too small for the problem.",
        "missing_hidden_activation": "Hidden layers lack an activation.",
        "over_regularized": "The regularisation is too strong.",
        "overfitting": "The network learns its training rows by heart.",
        "missing_regularization": "Nothing regularises the network.",
        "labels_corrupted": "Labels are wrong.",
        "labels_shuffled": "Labels belong to other rows.",
        "labels_scaled": "Class labels were scaled like inputs.",
        "train_val_leakage": "Validation rows stand among the training rows.",
        "val_not_preprocessed": "The validation rows are preprocessed in another way.",
        "train_val_mismatch": "Training and validation rows come from different sources.",
        "class_imbalance": "The classes are very unequal in number.",
        "nan_in_inputs": "The inputs hold NaN.",
    }
)


# What names one cause stands before what many causes share.
SUREST = (
    "non_finite_data", "input_shape", "label_shape", "label_range", "output_units", "unadapted_normalization",
    "wrong_output_activation", "symmetric_weights", "wrong_loss", "validation_mismatch", "unscaled_inputs",
    "regularizer_dominates", "unscaled_targets", "poor_initialization", "class_imbalance", "non_finite", "diverging",
    "learning_rate_too_high", "exploding_gradient", "dead_relu", "saturated_activation", "vanishing_gradient",
    "learning_rate_too_low", "shared_rows", "unchanged_weights", "oscillating", "constant_output", "not_learning",
    "overfitting", "underfitting", "unequal_update_ratio", "plateau", "still_improving",
    "not_judged",
)  # fmt: skip
