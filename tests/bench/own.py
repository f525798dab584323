"""Further programs of our own making, in the format of `programs.json`: other data, other faults, other layers."""


def _dense(*widths, activation="relu", **rest):
    return [{"type": "Dense", "units": width, "activation": activation, **rest} for width in widths]


def _end(units, activation):
    return [{"type": "Dense", "units": units, "activation": activation}]


def _optimizer(name, rate, **rest):
    return {"name": name, "learning_rate": rate, **rest}


def _program(name, task, dataset, layers, loss, optimizer, batch_size, epochs, faults=(), fix=None, steps=(), **rest):
    return {
        "id": f"own_{name}", "kind": "faulty" if faults else "healthy", "task": task, "dataset": dataset,
        "preprocessing": list(steps), "layers": layers, "loss": loss, "optimizer": optimizer,
        "batch_size": batch_size, "epochs": epochs, "fault_labels": list(faults), "fix_overrides": fix, **rest,
    }  # fmt: skip


_STANDARD = [{"op": "standardize_x"}]
_PIXELS = [{"op": "scale_x", "by": 0.0625}]
_ADAM = _optimizer("Adam", 1e-3)
_BCE, _MSE = "binary_crossentropy", "mean_squared_error"
_SPARSE, _ONE_HOT = "sparse_categorical_crossentropy", "categorical_crossentropy"
_CIRCLES = {"name": "circles", "n": 600, "noise": 0.05, "factor": 0.5, "seed": 0}
_MOONS = {"name": "moons", "n": 600, "noise": 0.1, "seed": 0}
_BLOBS = {"name": "blobs", "n": 600, "centers": 4, "std": 1.5, "seed": 0}
_DIGITS = {"name": "digits", "shape": "flat"}
_IMAGES = {"name": "digits", "shape": "image"}
_FRIEDMAN = {"name": "friedman1", "n": 800, "noise": 1.0, "seed": 3}
_WAVES = {"name": "sine_windows", "n": 500, "width": 12, "seed": 0}
_CLASSES = {"name": "make_classification", "n": 800, "n_features": 12, "n_informative": 6, "seed": 4}

PROGRAMS = [
    _program("deep_sigmoid", "multiclass", _DIGITS, _dense(*[32] * 8, activation="sigmoid") + _end(10, "softmax"),
             _SPARSE, _optimizer("SGD", 0.1), 32, 15, ["vanishing_gradient", "too_deep", "wrong_hidden_activation"],
             {"layers": _dense(64, 64) + _end(10, "softmax")}, _PIXELS),
    _program("deep_narrow_relu", "regression", {"name": "function1d", "n": 500, "low": -3, "high": 3},
             _dense(*[2] * 12) + _end(1, "linear"), _MSE, _ADAM, 32, 30, ["too_deep_narrow_relu", "dying_relu"],
             {"layers": _dense(32, 32) + _end(1, "linear")}),
    _program("relu_too_fast", "binary", _MOONS, _dense(16, 16) + _end(1, "sigmoid"), _BCE, _optimizer("SGD", 50.0), 32,
             20, ["lr_too_high", "dying_relu"], {"optimizer": _optimizer("SGD", 0.1), "epochs": 60}),
    _program("adam_too_slow", "multiclass", _BLOBS, _dense(32) + _end(4, "softmax"), _SPARSE,
             _optimizer("Adam", 1e-6), 32, 20, ["lr_too_low"], {"optimizer": _optimizer("Adam", 1e-2)}, _STANDARD),
    _program("adadelta", "multiclass", _DIGITS, _dense(64) + _end(10, "softmax"), _SPARSE,
             _optimizer("Adadelta", 1e-3), 64, 15, ["optimizer_too_slow", "lr_too_low"],
             {"optimizer": _optimizer("Adam", 1e-3)}, _PIXELS),
    _program("sgd_tiny", "regression", _FRIEDMAN, _dense(32) + _end(1, "linear"), _MSE, _optimizer("SGD", 1e-6), 32, 20,
             ["lr_too_low"], {"optimizer": _optimizer("Adam", 1e-2)}, [*_STANDARD, {"op": "standardize_y"}]),
    _program("adam_high", "multiclass", _IMAGES,
             [{"type": "Conv2D", "filters": 16, "kernel_size": 3, "activation": "relu"}, {"type": "Flatten"},
              *_end(10, "softmax")], _SPARSE, _optimizer("Adam", 0.5), 32, 8, ["lr_too_high"],
             {"optimizer": _ADAM}, _PIXELS),
    _program("sgd_high_regression", "regression", _FRIEDMAN, _dense(64, 64) + _end(1, "linear"), _MSE,
             _optimizer("SGD", 0.5), 32, 20, ["lr_too_high"], {"optimizer": _optimizer("SGD", 0.01)}, _STANDARD),
    _program("raw_wine", "multiclass", {"name": "wine"}, _dense(16) + _end(3, "softmax"), _SPARSE, _ADAM, 16, 30,
             ["input_not_normalized"], {"preprocessing": _STANDARD}),
    _program("raw_targets", "regression", {"name": "linear3", "n": 400, "high": 100.0, "weights": [30.0, -20.0, 50.0]},
             _dense(16) + _end(1, "linear"), _MSE, _optimizer("SGD", 0.01), 32, 30,
             ["target_not_normalized", "input_not_normalized", "lr_too_high"],
             {"preprocessing": [*_STANDARD, {"op": "standardize_y"}]}),
    _program("power_targets", "regression", {"name": "power4"}, _dense(20, 20) + _end(1, "linear"), _MSE, _ADAM, 32, 50,
             ["target_not_normalized", "input_not_normalized"],
             {"preprocessing": [*_STANDARD, {"op": "standardize_y"}], "epochs": 150,
              "optimizer": _optimizer("Adam", 1e-2)}),
    _program("sigmoid_for_whitened", "regression", _FRIEDMAN, _dense(32) + _end(1, "sigmoid"), _MSE, _ADAM, 32, 30,
             ["sigmoid_output_regression"], {"layers": _dense(32) + _end(1, "linear"), "epochs": 60},
             [*_STANDARD, {"op": "standardize_y"}]),
    _program("relu_for_negative", "regression", {"name": "function1d", "n": 400, "low": -3, "high": 3},
             _dense(32) + _end(1, "relu"), _MSE, _optimizer("Adam", 1e-2), 32, 40, ["relu_output_regression"],
             {"layers": _dense(32) + _end(1, "linear")}),
    _program("bce_of_whitened", "regression", _FRIEDMAN, _dense(32) + _end(1, "sigmoid"), _BCE, _ADAM, 32, 15,
             ["wrong_loss", "labels_outside_loss_range"],
             {"layers": _dense(32) + _end(1, "linear"), "loss": _MSE, "epochs": 60},
             [*_STANDARD, {"op": "standardize_y"}]),
    _program("iris_one_unit", "multiclass", {"name": "iris"}, _dense(16) + _end(1, "sigmoid"), _BCE,
             _optimizer("Adam", 1e-2), 16, 30, ["output_units_mismatch", "wrong_loss"],
             {"layers": _dense(16) + _end(3, "softmax"), "loss": _SPARSE}, _STANDARD),
    _program("logits_forgotten", "multiclass", {"name": "wine"}, _dense(16) + _end(3, "linear"), _SPARSE,
             _optimizer("Adam", 1e-2), 16, 30, ["linear_output_with_ce"], {"layers": _dense(16) + _end(3, "softmax")},
             _STANDARD),
    _program("tanh_with_bce", "binary", _MOONS, _dense(16) + _end(1, "tanh"), _BCE, _optimizer("Adam", 1e-2), 32, 40,
             ["wrong_output_activation"], {"layers": _dense(32, 32) + _end(1, "sigmoid")}),
    _program("zeros", "binary", _CIRCLES, _dense(16, kernel_initializer="zeros") + _end(1, "sigmoid"), _BCE,
             _optimizer("Adam", 1e-2), 32, 40, ["constant_init", "bad_init"],
             {"layers": _dense(16) + _end(1, "sigmoid")}),
    _program("huge_start", "multiclass", _DIGITS,
             _dense(64, 64, kernel_initializer="random_normal(stddev=20)") + _end(10, "softmax"), _SPARSE, _ADAM, 32,
             15, ["large_init"], {"layers": _dense(64, 64) + _end(10, "softmax")}, _PIXELS),
    _program("tiny_start", "multiclass", _DIGITS,
             _dense(32, 32, 32, 32, kernel_initializer="random_normal(stddev=0.0001)") + _end(10, "softmax"), _SPARSE,
             _optimizer("SGD", 0.1), 32, 15, ["tiny_init", "bad_init"],
             {"layers": _dense(32, 32, 32) + _end(10, "softmax")}, _PIXELS),
    _program("linear_circles", "binary", _CIRCLES, _dense(32, 32, activation="linear") + _end(1, "sigmoid"), _BCE,
             _optimizer("Adam", 1e-2), 32, 40, ["missing_hidden_activation"],
             {"layers": _dense(32, 32) + _end(1, "sigmoid")}),
    _program("one_unit", "binary", _MOONS, _dense(1) + _end(1, "sigmoid"), _BCE, _optimizer("Adam", 1e-2), 32, 40,
             ["capacity_too_small"], {"layers": _dense(32, 32) + _end(1, "sigmoid")}),
    _program("penalty", "binary", _CLASSES, _dense(32, 32, kernel_regularizer="l2(1.0)") + _end(1, "sigmoid"), _BCE,
             _ADAM, 32, 30, ["over_regularized"], {"layers": _dense(32, 32) + _end(1, "sigmoid")}, _STANDARD),
    _program("dropout", "multiclass", _DIGITS,
             [*_dense(32), {"type": "Dropout", "rate": 0.97}, *_end(10, "softmax")], _SPARSE, _ADAM, 32, 15,
             ["over_regularized"], {"layers": [*_dense(32), {"type": "Dropout", "rate": 0.3}, *_end(10, "softmax")]},
             _PIXELS),
    _program("shuffled", "binary", _CLASSES, _dense(32) + _end(1, "sigmoid"), _BCE, _ADAM, 32, 30,
             ["labels_shuffled", "labels_corrupted"], {"preprocessing": _STANDARD},
             [*_STANDARD, {"op": "shuffle_labels", "which": "all", "seed": 0}]),
    _program("noise", "binary", {"name": "noise_labels", "n": 600, "n_features": 10},
             _dense(64, 64) + _end(1, "sigmoid"), _BCE, _ADAM, 32, 60, ["labels_corrupted", "overfitting"],
             {"dataset": _CLASSES, "layers": _dense(64) + _end(1, "sigmoid"), "epochs": 15}),
    _program("overfits", "regression", {"name": "friedman1", "n": 60, "noise": 3.0, "seed": 1},
             _dense(256, 256) + _end(1, "linear"), _MSE, _optimizer("Adam", 3e-3), 16, 300,
             ["overfitting", "missing_regularization"],
             {"dataset": {"name": "friedman1", "n": 2000, "noise": 3.0, "seed": 1}, "epochs": 10,
              "layers": _dense(32) + _end(1, "linear"), "batch_size": 32}, _STANDARD),
    _program("leak", "multiclass", {"name": "wine"}, _dense(16) + _end(3, "softmax"), _SPARSE, _optimizer("Adam", 1e-2),
             16, 20, ["train_val_leakage"], {"preprocessing": _STANDARD}, [*_STANDARD, {"op": "val_from_train"}]),
    _program("nan_inputs", "binary", {"name": "breast_cancer"}, _dense(16) + _end(1, "sigmoid"), _BCE, _ADAM, 32, 10,
             ["nan_in_inputs"], {"preprocessing": _STANDARD},
             [*_STANDARD, {"op": "inject_nan_x", "fraction": 0.001, "seed": 0}]),
    _program("rare", "multiclass", _BLOBS, _dense(16) + _end(4, "softmax"), _SPARSE, _ADAM, 32, 20,
             ["class_imbalance"], {"preprocessing": _STANDARD, "epochs": 30},
             [*_STANDARD, {"op": "imbalance_train", "keep": [1, 0.02, 0.02, 0.02], "seed": 0}]),
    _program("lstm_slow", "regression", _WAVES, [{"type": "LSTM", "units": 8}, *_end(1, "linear")], _MSE,
             _optimizer("SGD", 1e-4), 32, 15, ["lr_too_low"], {"optimizer": _optimizer("Adam", 1e-2)}),
    _program("whole_batch", "multiclass", _DIGITS, _dense(32) + _end(10, "softmax"), _SPARSE, _ADAM, 1347, 10,
             ["batch_too_large_for_budget", "too_few_epochs"], {"batch_size": 32}, _PIXELS),
    _program("few_epochs", "regression", _FRIEDMAN, _dense(32) + _end(1, "linear"), _MSE, _ADAM, 64, 4,
             ["too_few_epochs", "lr_too_low"], {"epochs": 150}, _STANDARD),
    _program("xor_linear", "binary", {"name": "xor", "repeats": 50}, _end(1, "sigmoid"), _BCE, _optimizer("SGD", 0.5),
             4, 30, ["capacity_too_small"],
             {"layers": _dense(16, activation="tanh") + _end(1, "sigmoid"), "optimizer": _optimizer("Adam", 0.01)},
             val="same_as_train"),
    # Healthy ones that tempt.
    _program("conv_batch_norm", "multiclass", _IMAGES,
             [{"type": "Conv2D", "filters": 16, "kernel_size": 3}, {"type": "BatchNormalization"},
              {"type": "Activation", "activation": "relu"}, {"type": "MaxPooling2D"}, {"type": "Flatten"},
              *_end(10, "softmax")], _SPARSE, _ADAM, 32, 10, steps=_PIXELS),
    _program("lstm", "regression", _WAVES, [{"type": "LSTM", "units": 16}, *_end(1, "linear")], _MSE,
             _optimizer("Adam", 1e-2), 32, 15),
    _program("gru_two_layers", "regression", _WAVES,
             [{"type": "GRU", "units": 8, "return_sequences": True}, {"type": "GRU", "units": 8}, *_end(1, "linear")],
             _MSE, _optimizer("Adam", 1e-2), 32, 15),
    _program("dropout_heavy", "multiclass", _DIGITS,
             [*_dense(128), {"type": "Dropout", "rate": 0.6}, *_dense(128), {"type": "Dropout", "rate": 0.6},
              *_end(10, "softmax")], _SPARSE, _ADAM, 32, 30, steps=_PIXELS),
    _program("tanh_moons", "binary", _MOONS, _dense(16, 16, activation="tanh") + _end(1, "sigmoid"), _BCE,
             _optimizer("Adam", 1e-2), 32, 40),
    _program("logistic", "binary", {"name": "breast_cancer"}, _end(1, "sigmoid"), _BCE, _optimizer("SGD", 0.1), 32, 20,
             steps=_STANDARD),
    _program("ridge_like", "regression", {"name": "diabetes"}, _dense(8) + _end(1, "linear"), _MSE,
             _optimizer("Adam", 3e-3), 16, 40, steps=[*_STANDARD, {"op": "standardize_y"}]),
    _program("iris", "multiclass", {"name": "iris"}, _dense(16) + _end(3, "softmax"), _SPARSE, _optimizer("Adam", 1e-2),
             16, 40, steps=_STANDARD),
    _program("autoencoder", "autoencoder", _DIGITS, _dense(32) + _end(64, "sigmoid"), _BCE, _ADAM, 32, 30,
             steps=[*_PIXELS, {"op": "y_is_x"}]),
    _program("small_batch", "multiclass", {"name": "wine"}, _dense(16) + _end(3, "softmax"), _SPARSE, _ADAM, 4, 20,
             steps=_STANDARD),
    _program("deep_he", "multiclass", _DIGITS, _dense(*[32] * 6, kernel_initializer="he_normal") + _end(10, "softmax"),
             _SPARSE, _ADAM, 32, 20, steps=_PIXELS),
    _program("flipped_labels", "binary",
             {"name": "make_classification", "n": 1000, "n_features": 12, "n_informative": 6, "flip_y": 0.3, "seed": 5},
             _dense(16) + _end(1, "sigmoid"), _BCE, _ADAM, 32, 15, steps=_STANDARD),
    _program("multilabel", "multilabel", {"name": "multilabel", "n": 1500, "n_features": 20, "n_classes": 3, "seed": 1},
             _dense(32) + _end(3, "sigmoid"), _BCE, _ADAM, 32, 20),
]  # fmt: skip
