"""Members that are exported, subclassed or scikit-learn's; the oracle is what they answer themselves."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import ensemble, linear_model, neural_network, pipeline, preprocessing, svm, tree

import trainwise as tw

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(300, 4)).astype("float32")
CLASSES = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int) + (X[:, 2] > 0.7)
VALUES = np.column_stack([X @ [1.0, -2.0, 0.5, 0.0], np.sin(X[:, 0])])
GAPS = np.where(GENERATOR.random(X.shape) < 0.2, np.nan, X).astype("float32")


def _answers(estimator, x):
    if hasattr(estimator, "predict_proba"):
        found = estimator.predict_proba(x)
        return found[:, 1:] if found.shape[1] == 2 else found
    return np.reshape(estimator.predict(x), (len(x), -1))


SMALL = {"max_iter": 20, "random_state": 0}
CLASSIFIERS = [
    linear_model.LogisticRegression(),
    neural_network.MLPClassifier(8, activation="tanh", max_iter=300, tol=1e-2, random_state=0),
    tree.DecisionTreeClassifier(max_depth=4),
    ensemble.RandomForestClassifier(8, random_state=0),
    ensemble.ExtraTreesClassifier(8, random_state=0),
    ensemble.GradientBoostingClassifier(n_estimators=8, random_state=0),
    ensemble.HistGradientBoostingClassifier(**SMALL),
    pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()),
]
REGRESSORS = [
    linear_model.LinearRegression(),
    linear_model.Lasso(0.01),
    neural_network.MLPRegressor(hidden_layer_sizes=(8,), max_iter=300, tol=1e-2, random_state=0),
    tree.DecisionTreeRegressor(max_depth=4),
    ensemble.RandomForestRegressor(8, random_state=0),
    pipeline.make_pipeline(preprocessing.MinMaxScaler(), preprocessing.RobustScaler(), linear_model.Ridge()),
]
SINGLE = [
    ensemble.GradientBoostingRegressor(n_estimators=8, random_state=0),
    ensemble.HistGradientBoostingRegressor(**SMALL),
    ensemble.HistGradientBoostingRegressor(loss="poisson", **SMALL),
    ensemble.GradientBoostingRegressor(loss="absolute_error", n_estimators=8, random_state=0),
]


@pytest.mark.parametrize("classes", [3, 2])
@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=lambda one: type(one).__name__)
def test_a_classifier_becomes_a_model_of_the_same_probabilities(estimator, classes):
    estimator.fit(X, np.minimum(CLASSES, classes - 1))
    model = tw.members.from_sklearn(estimator)
    x = GENERATOR.normal(size=(500, 4)).astype("float32") * 2
    np.testing.assert_allclose(model.predict(x, verbose=0), _answers(estimator, x), atol=2e-6)


@pytest.mark.parametrize(
    ("estimator", "y"), [*((one, VALUES) for one in REGRESSORS), *((one, np.abs(VALUES[:, 0])) for one in SINGLE)]
)
def test_a_regressor_becomes_a_model_of_the_same_values(estimator, y):
    estimator.fit(X, y)
    x = GENERATOR.normal(size=(500, 4)).astype("float32") * 2
    found = tw.members.from_sklearn(estimator).predict(x, verbose=0)
    np.testing.assert_allclose(found, _answers(estimator, x), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(
    "estimator", [ensemble.HistGradientBoostingClassifier(**SMALL), ensemble.RandomForestClassifier(8, random_state=0)]
)
def test_gaps_go_where_the_trees_send_them(estimator):
    estimator.fit(GAPS, CLASSES)
    found = tw.members.from_sklearn(estimator).predict(GAPS, verbose=0)
    np.testing.assert_allclose(found, _answers(estimator, GAPS), atol=2e-6)


def test_a_forest_votes_with_a_network_and_leaves_as_one_saved_model(tmp_path):
    forest = ensemble.RandomForestClassifier(5, random_state=0).fit(X, np.minimum(CLASSES, 1))
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
    vote = tw.vote([tw.members.from_sklearn(forest), network], weights=[3, 1])
    wanted = 0.75 * _answers(forest, X) + 0.25 * network.predict(X, verbose=0)
    np.testing.assert_allclose(vote.predict(X, verbose=0), wanted, atol=1e-6)
    vote.save(tmp_path / "vote.keras")
    np.testing.assert_allclose(tw.load_model(tmp_path / "vote.keras").predict(X, verbose=0), wanted, atol=1e-6)
    report = tw.export(vote, tmp_path / "vote", x=X[:8])
    served = tf.saved_model.load(str(report.path)).signatures["serving_default"]
    (answer,) = served(tf.constant(X[:8])).values()
    np.testing.assert_allclose(answer, wanted[:8], atol=1e-5)
    # What was exported votes again, and is refused where there is nothing.
    again = tw.vote([str(report.path), network], task="binary")
    np.testing.assert_allclose(again.predict(X, verbose=0), wanted / 2 + network.predict(X, verbose=0) / 2, atol=1e-6)
    with pytest.raises(ValueError, match="cannot be written to a `.keras` file; export it"):
        again.save(tmp_path / "again.keras")
    # One column of an exported model may be anything.
    with pytest.raises(ValueError, match="as of an exported model, say the `task`"):
        tw.vote([str(report.path), network])
    with pytest.raises(ValueError, match="is a folder without saved_model.pb"):
        tw.vote([str(tmp_path), network])


@pytest.mark.parametrize(
    ("make", "error", "told"),
    [
        (lambda: svm.SVC().fit(X, CLASSES), TypeError, "must be one of LogisticRegression.*got SVC"),
        (lambda: linear_model.Ridge(), ValueError, r"must be fitted first: `Ridge\(...\).fit\(x, y\)`"),
        (lambda: "forest", TypeError, "must be one of .*got str"),
        (
            lambda: ensemble.HistGradientBoostingClassifier(categorical_features=[0], max_iter=3).fit(
                np.column_stack([np.arange(300) % 5, X[:, 0]]), np.arange(300) % 5 % 2
            ),
            ValueError,
            "split categories",
        ),
        (
            lambda: pipeline.make_pipeline(preprocessing.PolynomialFeatures(), linear_model.Ridge()).fit(X, VALUES),
            TypeError,
            "A step of the pipeline has no form: PolynomialFeatures",
        ),
    ],
)
def test_what_has_no_form_is_refused_with_what_has(make, error, told):
    with pytest.raises(error, match=told):
        tw.members.from_sklearn(make())


def test_an_estimator_that_answers_otherwise_than_its_weights_say_is_refused():
    class Doubling(linear_model.Ridge):
        def predict(self, x):
            return 2 * super().predict(x)

    Doubling.__module__ = "elsewhere"
    with pytest.raises(ValueError, match="The answers of Doubling could not be reproduced"):
        tw.members.from_sklearn(Doubling().fit(X, VALUES[:, 0]))


class Line(keras.Model):
    """A model whose class Keras cannot copy."""

    def __init__(self, units):
        super().__init__()
        self.dense = keras.layers.Dense(units, "softmax")

    def call(self, inputs):
        return self.dense(inputs["a"] + inputs["b"])


def test_a_subclassed_model_votes_and_is_exported(tmp_path):
    x = {"a": X, "b": X * 2}
    members = [tw.members.from_subclassed(Line(3), x) for _ in range(2)]
    wanted = np.mean([member.predict(x, verbose=0) for member in members], axis=0)
    vote = tw.vote(members)
    np.testing.assert_allclose(vote.predict(x, verbose=0), wanted, atol=1e-6)
    report = tw.export(vote, tmp_path / "lines", x=x)
    assert report.max_difference <= 1e-5


def test_a_bare_subclassed_model_is_refused_with_the_call_that_helps():
    with pytest.raises(ValueError, match=r"give `tw.members.from_subclassed\(model, x\)`"):
        tw.vote([Line(3)])
    with pytest.raises(TypeError, match="`x` must be arrays of rows"):
        tw.members.from_subclassed(Line(3), {"a": 1.0})
    with pytest.raises(TypeError, match="a Keras model"):
        tw.members.from_subclassed("line", X)


@pytest.fixture(scope="module")
def two_outputs(tmp_path_factory):
    inputs = keras.Input((4,), name="rows")
    heads = {"one": keras.layers.Dense(1)(inputs), "two": keras.layers.Dense(2)(inputs)}
    folder = tmp_path_factory.mktemp("exported") / "1"
    model = keras.Model(inputs, heads)
    model.export(folder, verbose=False)
    return model, folder


def test_an_output_of_an_exported_model_is_chosen_by_name(two_outputs):
    model, folder = two_outputs
    member = tw.members.from_saved_model(folder, output="two")
    np.testing.assert_allclose(member.predict(X, verbose=0), model.predict(X, verbose=0)["two"], atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, r"has the outputs \['one', 'two'\]; say which"),
        ({"output": "three"}, "has no output 'three'"),
        ({"endpoint": "classify"}, "has no signature 'classify'"),
    ],
)
def test_signatures_and_outputs_that_are_not_there_are_named(two_outputs, arguments, told):
    with pytest.raises(ValueError, match=told):
        tw.members.from_saved_model(two_outputs[1], **arguments)


def test_a_saved_model_that_would_write_files_is_refused(tmp_path):
    def write(x):
        with tf.control_dependencies([tf.io.write_file(str(tmp_path / "written"), "x")]):
            return tf.identity(x)

    module = tf.Module()
    module.call = tf.function(write, input_signature=[tf.TensorSpec((None, 4))])
    tf.saved_model.save(module, str(tmp_path / "bad"), signatures={"serving_default": module.call})
    with pytest.raises(ValueError, match=r"\(WriteFile\): give `trust=True`"):
        tw.vote([tmp_path / "bad"])
    with pytest.raises(FileNotFoundError, match="There is no SavedModel"):
        tw.members.from_saved_model(tmp_path / "nothing")
    assert not (tmp_path / "written").exists()
