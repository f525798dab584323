"""What a model ends in, read off its layers and its loss."""

import keras
import pytest

from trainwise.toolkit.models.model_ends import is_from_logits, output_activation


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (keras.layers.Dense(2, activation="softmax"), "softmax"),
        (keras.layers.Dense(2), "linear"),
        (keras.layers.ReLU(), "relu"),
        (keras.layers.Softmax(), "softmax"),
        (
            keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, "sigmoid"), keras.layers.Reshape((1,))]),
            "sigmoid",
        ),
        (keras.layers.LayerNormalization(), None),
    ],
)
def test_the_output_activation_is_read_off_the_model(layer, expected):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Identity()(layer(inputs)))
    assert output_activation(model) == expected


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("logits", [False, True])
def test_a_loss_says_whether_it_takes_logits_alone_or_in_a_list(logits, listed):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    model.compile(loss=[loss] if listed else loss)
    assert is_from_logits(model) == logits
    model.compile(loss="sparse_categorical_crossentropy")
    assert not is_from_logits(model)
