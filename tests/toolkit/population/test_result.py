"""What a fitted population gives back."""

import keras
import lone
import numpy as np
import pytest
from architectures import CLASSES, LABELS, RATES, TABLE, L, mlp

import trainwise as tw


def test_a_member_taken_out_predicts_as_within_and_trains_on(double):
    options = {"learning_rate": 0.01}
    result = tw.fit_population(
        mlp, TABLE, LABELS, optimizer=keras.optimizers.Adam(**options), seed=[1, 2], loss=CLASSES, metrics=["accuracy"],
        batch_size=16, epochs=2, shuffle=False, verbose=0,
    )  # fmt: skip
    member = result.models[1]
    assert result.models[1] is member and isinstance(member, keras.Sequential) and len(result.models) == 2
    inside = result.populations[0].predict(TABLE, verbose=0)
    np.testing.assert_allclose(member.predict(TABLE, verbose=0), inside[:, 1], atol=1e-12)
    member.fit(TABLE, LABELS, batch_size=16, epochs=1, shuffle=False, verbose=0)
    keras.utils.set_random_seed(2)
    whole = mlp()
    whole.compile(keras.optimizers.Adam(**options), CLASSES, metrics=["accuracy"])
    whole.fit(TABLE, LABELS, batch_size=16, epochs=3, shuffle=False, verbose=0)
    assert lone.largest_difference(member, whole) < 1e-9
    with pytest.raises(IndexError, match="members 0 to 1, got 2"):
        result.models[2]
    assert [type(one) for one in result.models[:2]] == [keras.Sequential] * 2


def test_dropout_rates_of_members_reach_the_models_taken_out():
    build = lambda: keras.Sequential([keras.Input((6,)), L.Dense(4), L.Dropout(0.9), L.Dense(3, "softmax")])  # noqa: E731
    result = tw.fit_population(build, TABLE, LABELS, dropout=[0.0, 0.5], loss=CLASSES, verbose=0)
    assert [model.layers[1].rate for model in result.models] == [0.0, 0.5]


def test_the_plot_has_a_labelled_line_for_each_member():
    result = tw.fit_population(mlp, TABLE, LABELS, learning_rate=RATES, loss=CLASSES, epochs=2, verbose=0)
    axes = result.plot().axes[0]
    assert [line.get_label() for line in axes.lines] == ["learning_rate 0.02", "learning_rate 0.1"]
    np.testing.assert_allclose(axes.lines[1].get_ydata(), result.histories[1]["loss"])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss")


def test_findings_of_a_member_are_those_of_a_watch_on_it_alone():
    x = np.linspace(-1, 1, 64)[:, None]
    build = lambda: keras.Sequential([keras.Input((1,)), L.Dense(1)])  # noqa: E731
    result = tw.fit_population(
        build, x, 2 * x, learning_rate=[0.1, 1e12], seed=0, loss="mse", batch_size=1, epochs=2, shuffle=False, verbose=0
    )
    keras.utils.set_random_seed(0)
    model = build()
    model.compile(keras.optimizers.SGD(1e12), "mse")
    watch = tw.callbacks.CurveWatch(report=lambda finding: None)
    model.fit(x, 2 * x, batch_size=1, epochs=2, shuffle=False, verbose=0, callbacks=[watch])
    assert [finding.symptom for finding in result.findings[1]] == [finding.symptom for finding in watch.findings]
    assert result.findings[1] and not result.findings[0]


def test_a_leaderboard_judges_by_what_a_metric_says_of_itself():
    fit = {"loss": "mse", "metrics": [keras.metrics.R2Score(name="fit")], "epochs": 2, "verbose": 0}
    y = TABLE[:, :1]
    result = tw.fit_population(lambda: keras.Sequential([keras.Input((6,)), L.Dense(1)]), TABLE, y, seed=[0, 1], **fit)
    board = result.leaderboard("fit")
    assert board["fit"] == sorted(board["fit"], reverse=True) and board["fit"][0] > board["fit"][1]
    assert board["fit"][0] == max(max(history["fit"]) for history in result.histories)


def test_a_result_is_printed_as_a_table_and_not_as_all_it_holds():
    result = tw.fit_population(mlp, TABLE, LABELS, learning_rate=[0.1, 1e-6], loss=CLASSES, epochs=2, verbose=0)
    lines = str(result).splitlines()
    assert lines[0] == "2 members, at most 2 epochs; the best first:" and len(lines) == 4
    assert lines[1].split()[:2] == ["member", "learning_rate"]
    assert len(repr(result)) < 100
    page = result._repr_html_()
    assert page.startswith("<table><tr><th>member</th>") and page.count("<tr>") == 3
    assert result.plot().axes[0].get_title().startswith("best loss: ")


def test_a_member_that_broke_down_does_not_set_the_axis():
    def build():
        return keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])

    result = tw.fit_population(
        build, TABLE, TABLE[:, :1], learning_rate=[0.01, 0.02, 5.0], loss="mse", batch_size=20, epochs=5, verbose=0
    )
    assert max(result.histories[2]["loss"]) > 1e3
    low, high = result.plot().axes[0].get_ylim()
    start = np.median([history["loss"][0] for history in result.histories])
    assert low < min(result.histories[1]["loss"]) and start < high < 5 * start


def test_findings_are_printed_line_by_line_and_text_stays_text():
    finding = tw.Finding("plateau", "info", "It <b>stands</b> still.")
    ranked = tw.rank([finding, finding])
    assert str(ranked) == f"{finding}\n{finding}" and ranked == [finding, finding]
    assert "&lt;b&gt;" in ranked._repr_html_() and ranked._repr_html_().count("<li>") == 2
    assert str(tw.rank([])) == "Nothing was found." and tw.rank([])._repr_html_() == "<p>Nothing was found.</p>"
