import math

import keras
import numpy as np
import pytest
from keras import ops

import trainwise as tw
from trainwise.toolkit.metrics import scores
from trainwise.toolkit.models.batch_norm import recalibrate


def _data(rows=96, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, 4)).astype("float32")
    return x, (x @ generator.normal(size=(4, 3))).argmax(axis=1)


def _model(seed=0, norm=False, dropout=0.0, rate=0.1):
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((4,)), keras.layers.Dense(6, "tanh")]
    layers += [keras.layers.BatchNormalization()] if norm else []
    layers += [keras.layers.Dropout(dropout)] if dropout else []
    model = keras.Sequential([*layers, keras.layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class _Weights(keras.callbacks.Callback):
    """Writes down trainable weights and rates as the fit goes."""

    def __init__(self):
        super().__init__()
        self.epochs, self.steps, self.rates = [], [], []

    def on_train_batch_begin(self, batch, logs=None):
        self.rates.append(float(self.model.optimizer.learning_rate))

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append([ops.convert_to_numpy(v).copy() for v in self.model.trainable_variables])

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append([ops.convert_to_numpy(v).copy() for v in self.model.trainable_variables])


def test_the_equal_mean_is_that_of_the_epochs_after_the_start():
    (x, y), model, seen = _data(), _model(), _Weights()
    averaged = tw.callbacks.WeightAverage(start=0.5)
    model.fit(x, y, epochs=6, callbacks=[seen, averaged], verbose=0)
    for place, variable in enumerate(model.trainable_variables):
        expected = np.mean([weights[place] for weights in seen.epochs[3:]], axis=0)
        np.testing.assert_allclose(ops.convert_to_numpy(variable), expected, atol=1e-6)
    assert averaged.count == 3


@pytest.mark.parametrize("together", [1, 3])
def test_the_fading_mean_follows_its_formula(together):
    (x, y), model, seen = _data(), _model(), _Weights()
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", steps_per_execution=together)
    averaged = tw.callbacks.WeightAverage("exponential", start=0, every="step", momentum=0.8, keep="last")
    model.fit(x, y, epochs=2, batch_size=32, callbacks=[seen, averaged], verbose=0)
    expected = seen.steps[0]
    for weights in seen.steps[1:]:
        fade = 0.8**together
        expected = [fade * mean + (1 - fade) * w for mean, w in zip(expected, weights, strict=True)]
    for mean, value in zip(averaged.average, expected, strict=True):
        np.testing.assert_allclose(mean, value, atol=1e-6)


def test_the_average_does_not_stay_behind_after_predict_or_validation():
    (x, y), model = _data(), _model()
    averaged = tw.callbacks.WeightAverage(start=0, keep="last")
    seen = _Weights()
    model.fit(x, y, epochs=3, validation_data=(x, y), callbacks=[averaged, seen], verbose=0)
    trained = [w.copy() for w in model.get_weights()]
    np.testing.assert_array_equal(trained[0], seen.epochs[-1][0])
    inside = model.predict(x, verbose=0, callbacks=[averaged])
    for left, right in zip(model.get_weights(), trained, strict=True):
        np.testing.assert_array_equal(left, right)
    model.set_weights([a.astype("float32") for a in averaged.average])
    np.testing.assert_allclose(inside, model.predict(x, verbose=0), atol=1e-6)


def test_validation_sees_the_average():
    (x, y), model = _data(), _model()
    averaged = tw.callbacks.WeightAverage(start=0)
    history = model.fit(x, y, epochs=3, validation_data=(x, y), callbacks=[averaged], verbose=0).history
    # The validation of the last epoch comes before its weights go in.
    assert history["val_loss"][-1] != pytest.approx(history["val_loss"][0])
    assert model.evaluate(x, y, verbose=0)[0] < history["val_loss"][0]


def test_batch_normalisation_is_recalibrated_to_the_statistics_of_the_average():
    (x, y), model = _data(), _model(norm=True)
    with pytest.raises(ValueError, match=r"WeightAverage\(x=x_train\)"):
        model.fit(x, y, callbacks=[tw.callbacks.WeightAverage()], verbose=0)
    model.fit(x, y, epochs=4, callbacks=[tw.callbacks.WeightAverage(x=x, batch_size=96)], verbose=0)
    hidden = keras.Model(model.inputs, model.layers[0].output).predict(x, verbose=0)
    norm = model.layers[1]
    np.testing.assert_allclose(ops.convert_to_numpy(norm.moving_mean), hidden.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(norm.moving_variance), hidden.var(axis=0), atol=1e-5)
    assert norm.momentum == 0.99


def test_recalibration_means_over_uneven_batches_and_leaves_dropout_as_it_was():
    (x, _), model = _data(90), _model(norm=True, dropout=0.5)
    recalibrate(model, x, batch_size=40)
    hidden = keras.Model(model.inputs, model.layers[0].output).predict(x, verbose=0)
    np.testing.assert_allclose(ops.convert_to_numpy(model.layers[1].moving_mean), hidden.mean(axis=0), atol=1e-5)
    assert model.layers[2].rate == 0.5
    with pytest.raises(ValueError, match="got none"):
        recalibrate(model, x[:0])


def test_snapshots_follow_the_cosine_and_hold_the_weights_of_each_low():
    (x, y), model, seen = _data(), _model(rate=0.2), _Weights()
    snapshots = tw.callbacks.SnapshotEnsemble(cycles=3)
    history = model.fit(x, y, epochs=6, batch_size=32, callbacks=[snapshots, seen], verbose=0).history
    expected = [0.1 * (math.cos(math.pi * (t % 6) / 6) + 1) for t in range(18)]
    np.testing.assert_allclose(seen.rates, expected, rtol=1e-5)
    assert len(snapshots.models) == 3 and len(history["learning_rate"]) == 6
    for member, epoch in zip(snapshots.models, (1, 3, 5), strict=True):
        np.testing.assert_array_equal(member.get_weights()[0], seen.epochs[epoch][0])
    assert float(model.optimizer.learning_rate) == pytest.approx(0.2)
    assert tw.vote(snapshots.models).predict(x, verbose=0).shape == (96, 3)


def test_snapshots_on_disk_outlive_an_interruption(tmp_path):
    (x, y), model = _data(), _model()

    def fit(**more):
        kept = tw.callbacks.SnapshotEnsemble(cycles=2, directory=tmp_path)
        model.fit(x, y, epochs=4, callbacks=[kept, *more.pop("beside", [])], verbose=0, **more)
        return kept

    stop = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: setattr(model, "stop_training", epoch == 2)
    )
    fit(beside=[stop])
    again = fit(initial_epoch=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["snapshot_1.keras", "snapshot_2.keras"]
    assert len(again.models) == 2
    (tmp_path / "snapshot_1.keras").unlink()
    with pytest.raises(ValueError, match="member of cycle 1 is missing"):
        fit(initial_epoch=2)


def test_snapshots_refuse_what_cannot_work():
    (x, y), model = _data(), _model()
    with pytest.raises(ValueError, match="5 epochs of the fit must be a multiple"):
        model.fit(x, y, epochs=5, callbacks=[tw.callbacks.SnapshotEnsemble(2)], verbose=0)
    with pytest.raises(ValueError, match="members are gone"):
        model.fit(x, y, epochs=4, initial_epoch=2, callbacks=[tw.callbacks.SnapshotEnsemble(2)], verbose=0)
    model.compile(keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 10)), "mse")
    with pytest.raises(ValueError, match="follows a schedule"):
        model.fit(x, y, epochs=4, callbacks=[tw.callbacks.SnapshotEnsemble(2)], verbose=0)
    with pytest.raises(ValueError, match="got 0"):
        tw.callbacks.SnapshotEnsemble(0)


def _table(values):
    """A model of one input that answers `values` times it."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[values]])])
    return model


def test_a_soup_takes_in_only_what_makes_it_better():
    x, y = np.ones((4, 1)), np.full((4, 1), 2.0)
    soup = tw.greedy_soup([_table(v) for v in (9.0, 1.0, 2.8, 2.3)], x, y)
    # 2.3 first; with 2.8 worse; with 1.0: 1.65, worse; with 9.0: worse; then nothing is joined, and 2.3 stands alone.
    assert soup.members == (3,) and soup.loss == pytest.approx(0.09)
    soup = tw.greedy_soup([_table(v) for v in (1.8, 2.1)], x, y)
    assert soup.members == (1, 0) and float(soup.model.weights[0][0, 0]) == pytest.approx(1.95)


def test_weights_of_unrelated_models_are_not_averaged():
    x, y = _data(200)
    models = []
    for seed in (1, 2, 3):
        model = _model(seed, rate=0.5)
        model.fit(x, y, epochs=60, verbose=0)
        models.append(model)
    alone = [model.evaluate(x, y, verbose=0)[0] for model in models]
    for average in (tw.average_weights, tw.greedy_soup):
        with pytest.raises(ValueError, match=rf"alone have {min(alone):.4f} to {max(alone):.4f}.*different starts"):
            average(models, x, y)


def test_averages_refuse_other_makes_and_missing_rows():
    x, y = _data()
    with pytest.raises(ValueError, match="only models of one make"):
        tw.average_weights([_model(), keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])], x, y)
    with pytest.raises(ValueError, match="recalibrate_on"):
        tw.average_weights([_model(norm=True)], x, y)
    with pytest.raises(ValueError, match="target for each of 96 rows"):
        tw.average_weights([_model()], x, y[:5])


def test_a_temperature_is_the_one_that_minimises_the_likelihood():
    x, y = _data(300)
    model = _model()
    model.fit(x, np.random.default_rng(0).permutation(y), epochs=30, verbose=0)
    model.layers[-1].kernel.assign(model.layers[-1].kernel * 5)
    found = tw.calibrate(model, x, y)
    logs = np.log(model.predict(x, verbose=0).astype("float64"))

    def nll(temperature):
        scaled = logs / temperature
        return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(300), y]))

    grid = np.exp(np.linspace(np.log(0.05), np.log(40), 4000))
    assert nll(found.temperature) <= min(map(nll, grid)) + 1e-4
    assert found.nll[1] == pytest.approx(nll(found.temperature), abs=1e-4) and found.nll[1] < found.nll[0]
    np.testing.assert_array_equal(
        found.model.predict(x, verbose=0).argmax(axis=1), model.predict(x, verbose=0).argmax(axis=1)
    )


def test_calibration_refuses_quantities_and_broken_targets():
    x, y = _data()
    with pytest.raises(ValueError, match="have no temperature"):
        tw.calibrate(_table(1.0), x[:, :1], y)
    with pytest.raises(ValueError, match="0 to 2, got 0 to 7"):
        tw.calibrate(_model(), x, np.where(y == 2, 7, y))
    with pytest.raises(ValueError, match="for each of 96 rows"):
        tw.calibrate(_model(), x, None)


def test_the_scores_are_those_of_their_formulas():
    generator = np.random.default_rng(0)
    p, y = generator.dirichlet(np.ones(4), 400), generator.integers(0, 4, 400)
    targets = scores.truth(p, y)
    found = scores.row_scores(p, targets, True)
    np.testing.assert_allclose(found["nll"], -np.log(p[np.arange(400), y]))
    np.testing.assert_allclose(found["brier"], ((p - np.eye(4)[y]) ** 2).sum(axis=1))
    confidence, hit, expected = p.max(axis=1), p.argmax(axis=1) == y, 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            expected += inside.mean() * abs(hit[inside].mean() - confidence[inside].mean())
    assert scores.calibration_error(p, targets, True) == pytest.approx(expected)
    low, high = scores.with_intervals({"a": np.arange(100.0)}, None, 0.95, 2000, 0)["a"][1:]
    spread = 1.96 * np.arange(100.0).std() / 10
    assert low == pytest.approx(49.5 - spread, abs=0.6) and high == pytest.approx(49.5 + spread, abs=0.6)


def test_a_vote_is_judged_against_its_members_with_mended_and_broken_rows():
    x, y = _data(300)
    members = [_model(seed) for seed in range(3)]
    for member in members:
        member.fit(x, y, epochs=5, verbose=0)
    vote = tw.vote(members)
    report = tw.evaluate_vote(vote, x, y)
    answers = np.array([m.predict(x, verbose=0) for m in members])
    right, joined = answers.argmax(-1) == y, answers.mean(axis=0).argmax(-1) == y
    np.testing.assert_array_equal(report.mends, np.flatnonzero(joined & ~right[report.best]))
    np.testing.assert_array_equal(report.breaks, np.flatnonzero(~joined & right[report.best]))
    assert [row["accuracy"] for row in report.rows[1:4]] == pytest.approx(right.mean(axis=1))
    assert report.rows[4]["nll"] == pytest.approx(np.mean([row["nll"] for row in report.rows[1:4]]))
    labels = answers.argmax(-1)
    pairs = [np.mean(labels[i] != labels[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert report.disagreement == pytest.approx(np.mean(pairs))
    assert "best member" in report.sentence and "these very rows" in report.note
    assert all(row["nll_low"] <= row["nll"] <= row["nll_high"] for row in report.rows)
    assert "was given" in tw.evaluate_vote(vote, x, y, best=1).note


def test_a_vote_of_quantities_is_judged_by_r2():
    x = np.linspace(-1, 1, 50)[:, None]
    report = tw.evaluate_vote(tw.vote([_table(1.0), _table(3.0)]), x, 2 * x)
    assert [round(row["r2"], 6) for row in report.rows] == [1.0, 0.75, 0.75, 0.75]
    assert report.mends is None and "The vote is better" in report.sentence


def test_what_is_no_vote_or_answers_nan_is_refused_by_name():
    x, y = _data()
    with pytest.raises(ValueError, match="is no vote"):
        tw.evaluate_vote(_model(), x, y)
    inputs = keras.Input((4,))
    raw = keras.layers.Dense(3)(inputs)
    root = keras.Model(inputs, keras.layers.Softmax()(ops.log(raw)), name="root")
    with pytest.raises(ValueError, match="member_1 answers NaN or infinite values in"):
        tw.evaluate_vote(tw.vote([_model(), root]), x, y)
    with pytest.raises(ValueError, match="target for each"):
        tw.evaluate_vote(tw.vote([_model()]), x, y[:3])


def test_dropout_draws_average_to_the_mean_of_masked_passes():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.5), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[1.0], [3.0]])])
    x = np.ones((400, 2), "float32")
    found = tw.mc_dropout(model, samples=64, output="all", uncertainty=True).predict(x, verbose=0)
    # Each input is 0 or 2 with even chances: mean 4, variance 1 + 9.
    assert found["values"].mean() == pytest.approx(4, abs=0.1)
    assert (found["standard_deviation"] ** 2).mean() == pytest.approx(10 * 63 / 64, rel=0.05)
    np.testing.assert_array_equal(model.predict(x[:1], verbose=0), [[4.0]])


def test_dropout_draws_repeat_with_their_seed_and_leave_the_model_alone(tmp_path):
    (x, y), model = _data(), _model(norm=True, dropout=0.5)
    model.fit(x, y, epochs=2, verbose=0)
    before = [w.copy() for w in model.get_weights()]
    one, two = (tw.mc_dropout(model, 8, seed=3) for _ in range(2))
    other = tw.mc_dropout(model, 8, seed=4).predict(x, verbose=0)
    one.save(tmp_path / "drawn.keras")
    first = one.predict(x, verbose=0)
    np.testing.assert_array_equal(first, two.predict(x, verbose=0))
    np.testing.assert_array_equal(first, tw.load_model(tmp_path / "drawn.keras").predict(x, verbose=0))
    assert np.abs(first - other).max() > 0
    np.testing.assert_array_equal(
        ops.convert_to_numpy(one.get_layer("draws").layer.layers[1].moving_mean),
        ops.convert_to_numpy(model.layers[1].moving_mean),
    )
    for left, right in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(left, right)


def test_augmentation_is_off_while_dropout_is_drawn():
    flip = keras.layers.RandomTranslation(0.5, 0.5)
    layers = [keras.Input((4, 4, 1)), flip, keras.layers.Flatten(), keras.layers.Dropout(1e-6), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    x = np.random.default_rng(0).normal(size=(5, 4, 4, 1)).astype("float32")
    drawn = tw.mc_dropout(model, 4).predict(x, verbose=0)
    np.testing.assert_allclose(drawn, model.predict(x, verbose=0), atol=1e-4)


def test_a_model_without_dropout_has_nothing_to_draw():
    with pytest.raises(ValueError, match="it has none"):
        tw.mc_dropout(_model())
    idle = keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.0), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="all its rates are 0"):
        tw.mc_dropout(idle)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        tw.mc_dropout(_model(dropout=0.5), samples=0)


def test_recurrent_dropout_is_drawn_too():
    model = keras.Sequential([keras.Input((5, 2)), keras.layers.LSTM(4, dropout=0.5), keras.layers.Dense(2, "softmax")])
    x = np.ones((3, 5, 2), "float32")
    found = tw.mc_dropout(model, 16, output="all", uncertainty=True).predict(x, verbose=0)
    assert found["mutual_information"].min() > 0
