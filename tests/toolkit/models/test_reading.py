"""What a model takes and is made of."""

import keras

from trainwise.toolkit.models.reading import hidden_layers, hidden_softmaxes, structure_of


def test_the_make_of_a_model_is_read_off_through_batch_normalisation():
    layers = [keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.Activation("relu"),
              keras.layers.Dense(4, "tanh", kernel_regularizer="l2"), keras.layers.Dense(3, "softmax")]  # fmt: skip
    model = keras.Sequential([keras.Input((2,)), *layers])
    model.compile(keras.optimizers.Adam(0.5), "sparse_categorical_crossentropy")
    found = structure_of(model)
    assert (found.hidden, found.widths, found.outputs) == (("relu", "tanh"), (8, 4), 3)
    assert (found.activation, found.loss, found.penalised) == ("softmax", "sparse_categorical_crossentropy", True)
    assert (found.optimizer, found.rate) == ("adam", "high")


def test_the_heads_of_several_outputs_are_not_hidden():
    inputs = keras.Input((2,))
    hidden = keras.layers.Dense(8, "relu", name="body")(inputs)
    kind = keras.layers.Activation("softmax")(keras.layers.Dense(3)(hidden))
    model = keras.Model(inputs, {"kind": kind, "amount": keras.layers.Dense(1)(hidden)})
    assert [layer.name for layer, _ in hidden_layers(model)] == ["body"]


def test_a_softmax_is_hidden_where_a_layer_with_weights_takes_it():
    inputs = keras.Input((5, 2))
    early = keras.layers.Flatten()(keras.layers.Dense(3, "softmax", name="early")(inputs))
    shares = keras.layers.Softmax(axis=1)(keras.layers.Dense(1)(inputs))
    gate = keras.layers.Dense(4, "softmax")(early)
    mixed = keras.layers.Dense(4)(keras.ops.sum(shares * inputs, axis=1)) * gate
    model = keras.Model(inputs, keras.layers.Dense(2, "softmax")(mixed))
    assert [layer.name for layer in hidden_softmaxes(model)] == ["early"]


def test_a_softmax_is_hidden_beside_other_values_too_unless_it_is_an_answer():
    inputs = keras.Input((4,))
    shares = keras.layers.Dense(3, "softmax", name="early")(inputs)
    both = keras.layers.Dense(1)(keras.layers.Concatenate()([shares, inputs]))
    assert [layer.name for layer in hidden_softmaxes(keras.Model(inputs, both))] == ["early"]
    assert hidden_softmaxes(keras.Model(inputs, [shares, both])) == []
