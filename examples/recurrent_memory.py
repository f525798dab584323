"""Recurrent memory: how long a network remembers, and how far back its gradient reaches.

A sequence begins with one of four signs, noise follows, and at the end the sign is asked for. Backwards through `n`
steps the gradient is multiplied `n` times: in a plain RNN by its weights and the slope of tanh, and it vanishes. LSTM
and GRU carry a state past a gate z; of it z^n is left, nearly all where the gate stands open. Keras starts it half
open, or at 0.73; a bias of log(lag) opens it (Tallec and Ollivier 2018, arXiv:1804.11188).
"""

import functools

import drawing
import keras
import numpy as np

import trainwise as tw

CELLS = {"SimpleRNN": keras.layers.SimpleRNN, "LSTM": keras.layers.LSTM, "GRU": keras.layers.GRU}


def sequences(lag, rows, seed):
    """Sequences `(rows, lag + 1, 4)` that begin with a sign, and the signs."""
    draw = np.random.default_rng(seed)
    signs = draw.integers(0, 4, rows)
    x = 0.3 * draw.normal(size=(rows, lag + 1, 4)).astype("float32")
    x[:, 0] = np.eye(4)[signs]
    return x, signs


def network(cell, lag, units=16, opened=True):
    """A recurrent network whose gates, if it has any, start open for about `lag` steps."""
    layer = CELLS[cell](units, name=cell)
    model = keras.Sequential([keras.Input((lag + 1, 4)), layer, keras.layers.Dense(4, "softmax")])
    model.compile(keras.optimizers.Adam(0.01, clipnorm=1.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    if opened and cell != "SimpleRNN":
        kernel, recurrent, bias = layer.get_weights()
        # Keras keeps the gates side by side: LSTM input, forget, cell, output; GRU update, reset, state.
        bias[..., units : 2 * units] += np.log(lag) * (cell == "LSTM")
        bias[..., :units] += np.log(lag) * (1 if cell == "GRU" else -1)
        layer.set_weights([kernel, recurrent, bias])
    return model


def main(lags=(5, 30, 100), seeds=2, epochs=10, rows=1024, picture=None):
    """Validation accuracy of each cell at each lag, for each seed, and the gradient of untrained ones by time step."""
    figure, (remembered, reach) = drawing.panels(["accuracy against the lag", "gradient by time step, untrained"])
    found = {"accuracy": {}, "ratio": {}}
    for cell, colour in zip(CELLS, drawing.COLOURS, strict=False):
        accuracies = []
        for lag in lags:
            result = tw.fit_population(
                functools.partial(network, cell, lag), *sequences(lag, rows, seed=0), seed=range(seeds),
                epochs=epochs, batch_size=64, validation_data=sequences(lag, 512, seed=1), verbose=0,
            )  # fmt: skip
            accuracies.append([history["val_accuracy"][-1] for history in result.histories])
        found["accuracy"][cell] = dict(zip(lags, accuracies, strict=True))
        remembered.plot(lags, np.mean(accuracies, axis=1), marker="o", color=colour, label=cell)
        for opened in (True, False):
            keras.utils.set_random_seed(0)
            longest = network(cell, max(lags), opened=opened)
            gradient = tw.tuning.gradient_over_time(longest, *sequences(max(lags), 256, seed=0))
            if opened:
                found["ratio"][cell] = gradient.ratio
            name = cell if opened else f"{cell} as Keras starts it"
            if opened or cell != "SimpleRNN":
                reach.plot(gradient.norms, "-" if opened else ":", color=colour, label=name)
    remembered.axhline(0.25, color="grey", linestyle=":", label="chance")
    remembered.set(xlabel="lag, in time steps", ylim=(0, 1.05))
    reach.set(xlabel="time step", yscale="log", ylim=(1e-12, None))
    for axes in (remembered, reach):
        axes.legend(fontsize=8)
    drawing.save(figure, __file__, picture)
    last = {cell: np.mean(values[max(lags)]) for cell, values in found["accuracy"].items()}
    print(
        f"Over {max(lags)} steps the gradient falls to {found['ratio']['SimpleRNN']:.0e} of itself in a plain RNN, to "
        f"{found['ratio']['LSTM']:.1g} in an open LSTM; the one finds {last['SimpleRNN']:.0%} of the signs, the other "
        f"{last['LSTM']:.0%}."
    )
    return found


if __name__ == "__main__":
    main()
