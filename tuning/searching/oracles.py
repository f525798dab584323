"""What proposes the next architecture: KerasTuner's oracles by name, a quick Gaussian process, and how they are run."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import keras_tuner
import numpy as np
import scipy.optimize
from keras_tuner.engine import hyperparameters
from scipy import stats

from ...toolkit.checks import one_of
from ...toolkit.metrics.directions import direction
from ...toolkit.runtime.keras_internals import number_trial, replaced, silent_oracle
from .costs import COSTS, WeightedObjective
from .plan import Outcome

ORACLES = ("random", "grid", "bayesian", "hyperband")
# What KerasTuner's tuners hand on to their oracle.
ORACLE_ARGUMENTS = (
    "hyperparameters",
    "tune_new_entries",
    "allow_new_entries",
    "max_epochs",
    "factor",
    "hyperband_iterations",
    "max_retries_per_trial",
    "num_initial_points",
    "alpha",
    "beta",
)
_CANDIDATES = 2000
_NEARBY = 500
_POLISHED = 3


class GaussianProcess(keras_tuner.oracles.BayesianOptimizationOracle):
    """KerasTuner's Bayesian oracle, its next point found among candidates and polished, in a fraction of the time.

    The first proposals are random; later the lower confidence bound of a Gaussian process is minimised
    over random points and points near the best trial, the best few are polished, and the first that was
    not tried is proposed. What is proposed depends on the seed and the trials alone.

    Args:
        **kwargs: As for `keras_tuner.oracles.BayesianOptimizationOracle`.

    Reference: Srinivas et al. 2010, "Gaussian process optimization in the bandit setting", arXiv:0912.3995.
    """

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        completed = [trial for trial in self.trials.values() if trial.status == "COMPLETED"]
        dimensions = len(self._nonfixed_space())
        first = max(3, min(2 * dimensions, 10))
        if self.num_initial_points is not None:
            first = max(1, self.num_initial_points)  # nothing can be learnt from no trial at all
        if len(completed) < first or not dimensions:
            return self._random_populate_space()
        rng = np.random.default_rng((self.seed, len(self.trials)))
        self.gpr.n_restarts_optimizer = 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x, y = self._finite_trials()
            self.gpr.fit(x, y)
            points = self._candidates(x[np.argmin(y)], dimensions, rng)
            ordered = points[np.argsort(self._bound(points))]
            best = [self._polished(point) for point in ordered[:_POLISHED]]
        for point in [*best, *ordered]:
            values = self._vector_to_values(point)
            if not self._duplicate(values):
                return {"status": "RUNNING", "values": values}
        return self._random_populate_space()

    def _finite_trials(self) -> tuple[np.ndarray, np.ndarray]:
        x, y = self._vectorize_trials()
        # A loss that blew up says "bad", not how bad; its size would flatten all other differences.
        worst = np.nanmax(np.where(np.isfinite(y), y, np.nan))
        y = np.where(np.isfinite(y), y, worst)
        return x, np.minimum(y, np.median(y) + 10 * stats.iqr(y) + 1e-12)

    def _candidates(self, best: np.ndarray, dimensions: int, rng: np.random.Generator) -> np.ndarray:
        anywhere = rng.random((_CANDIDATES, dimensions))
        nearby = best + rng.normal(0, 0.1, (_NEARBY, dimensions)) * (rng.random((_NEARBY, dimensions)) < 0.5)
        return np.vstack([anywhere, np.clip(nearby, 0, 1)])

    def _bound(self, points: np.ndarray) -> np.ndarray:
        mean, spread = self.gpr.predict(np.atleast_2d(points), return_std=True)
        return np.asarray(mean - self.beta * spread)

    def _polished(self, point: np.ndarray) -> np.ndarray:
        found = scipy.optimize.minimize(
            lambda x: float(self._bound(x)[0]),
            point,
            bounds=[(0, 1)] * len(point),
            method="L-BFGS-B",
            options={"maxiter": 20},
        )
        return np.asarray(found.x)


def oracle_of(
    given: Any, objective: Any, trials: int | None, epochs: int, seed: int, own: Mapping[str, Any] | None = None
) -> keras_tuner.Oracle:
    """The oracle for a name, or the one that was given.

    Args:
        given: One of `ORACLES`, or a `keras_tuner.Oracle`.
        objective: As KerasTuner takes it, one of `COSTS`, or a weight for each of several names.
        trials: Most trials; Hyperband has its own number.
        epochs: Epochs of a whole training, for Hyperband.
        seed: Decides the proposals.
        own: Further arguments of the oracle's, by the names they have in KerasTuner.

    Raises:
        TypeError: Neither a name nor an oracle, or an argument that it does not take.
        ValueError: An unknown name, or an objective whose direction cannot be told.

    Example:

    >>> type(oracle_of("grid", "val_loss", 5, epochs=10, seed=0)).__name__
    'GridSearchOracle'
    """
    own = dict(own or {})
    if isinstance(given, keras_tuner.Oracle):
        if own:
            raise TypeError(f"Give {', '.join(own)} to the {type(given).__name__} itself, not to the search.")
        return given
    if not isinstance(given, str):
        raise TypeError(
            f"`oracle` must be a name or a `keras_tuner.Oracle`, got {type(given).__name__}; a seed goes to `seed=`."
        )
    one_of("oracle", given, ORACLES)
    kinds = keras_tuner.oracles
    # KerasTuner takes a seed of 0 for none.
    arguments: dict[str, Any] = {"objective": _directed(objective), "seed": seed + 1}
    kind: Any = {
        "random": kinds.RandomSearchOracle,
        "grid": kinds.GridSearchOracle,
        "bayesian": GaussianProcess,
        "hyperband": kinds.HyperbandOracle,
    }[given]
    arguments |= {"max_epochs": epochs} if given == "hyperband" else {"max_trials": trials}
    taken = inspect.signature(kind).parameters
    unknown = [name for name in own if name not in ORACLE_ARGUMENTS or name not in taken]
    if unknown:
        raise TypeError(f"A search with the oracle {given!r} does not take {', '.join(unknown)}.")
    if own.get("hyperparameters") is not None:
        own["hyperparameters"] = own["hyperparameters"].copy()  # the oracle adds to them
    return kind(**{**arguments, **own})


def _directed(objective: Any) -> Any:
    """Names with the direction that all of trainwise takes them to have: KerasTuner's own list is shorter, and wrong
    where a metric of classes is better high (`precision_at_recall`); what no table knows is left to it to refuse.
    """
    if isinstance(objective, (list, tuple)):
        return [_directed(one) for one in objective]
    if isinstance(objective, Mapping):
        return WeightedObjective(objective)
    if isinstance(objective, str) and objective in COSTS:
        return keras_tuner.Objective(objective, "min")
    found = direction(objective) if isinstance(objective, str) else None
    return objective if found is None else keras_tuner.Objective(objective, found)


def settled(space: keras_tuner.HyperParameters, names: Collection[str]) -> keras_tuner.HyperParameters:
    """The hyperparameters of a space, those of these names no longer a question.

    Args:
        space: `keras_tuner.HyperParameters`.
        names: What is decided elsewhere.

    Example:

    >>> space = keras_tuner.HyperParameters()
    >>> _, _ = space.Int("units", 4, 8), space.Float("learning_rate", 1e-4, 1e-2, default=1e-3)
    >>> [(type(hp).__name__, hp.name) for hp in settled(space, {"learning_rate"}).space]
    [('Int', 'units'), ('Fixed', 'learning_rate')]
    """
    made = keras_tuner.HyperParameters()
    made.merge(
        [
            hyperparameters.Fixed(name=hp.name, value=hp.default, conditions=hp.conditions) if hp.name in names else hp
            for hp in space.space
        ]
    )
    return made


@contextmanager
def in_charge(oracle: keras_tuner.Oracle, initial: Sequence[dict[str, Any]]) -> Iterator[None]:
    """While the search proposes: the oracle writes and prints nothing, and proposes the initial trials first.

    An oracle may be the user's own, so its methods and settings are put back when the search ends, however it ends;
    what stays is what it has proposed and been told.

    Args:
        oracle: A KerasTuner oracle whose space is known.
        initial: Values by hyperparameter name; what they leave out gets its default.

    Raises:
        TypeError: An initial trial that is no dictionary.
        ValueError: A name that is not in the space, or an oracle that cannot take them.
    """
    _check_initial(oracle, initial)
    with ExitStack() as stack:
        # What KerasTuner's own files would keep stands in the journal, whose files are whole or not there.
        stack.enter_context(silent_oracle(oracle))
        # The search itself says when failures are too many; KerasTuner would raise in the midst of `end_trial`, with
        # its lock held for ever.
        stack.enter_context(replaced(oracle, "max_consecutive_failed_trials", 10**9))
        stack.enter_context(_quick(oracle))
        if initial:
            stack.enter_context(replaced(oracle, "populate_space", _initial_first(oracle, initial)))
        yield


@contextmanager
def _quick(oracle: keras_tuner.Oracle) -> Iterator[None]:
    """While the block runs KerasTuner's Bayesian oracle proposes as `GaussianProcess` does; it would take minutes."""
    own = type(oracle)
    if own is keras_tuner.oracles.BayesianOptimizationOracle:
        oracle.__class__ = GaussianProcess
    try:
        yield
    finally:
        oracle.__class__ = own


def _check_initial(oracle: keras_tuner.Oracle, initial: Sequence[dict[str, Any]]) -> None:
    if not isinstance(initial, (list, tuple)):
        raise TypeError(f"`initial_trials` must be a list of dictionaries, got {type(initial).__name__}.")
    if not initial:
        return
    if isinstance(oracle, (keras_tuner.oracles.GridSearchOracle, keras_tuner.oracles.HyperbandOracle)):
        raise ValueError(f"`initial_trials` cannot be given to {type(oracle).__name__}, which has an order of its own.")
    space = oracle.get_space().space
    known = {hp.name for hp in space}
    for values in initial:
        if not isinstance(values, dict):
            raise TypeError(f"`initial_trials` must hold dictionaries, got {type(values).__name__}.")
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"`initial_trials` names {unknown}; the space has {sorted(known)}.")
        for hp in space:
            if hp.name in values and not _is_possible(hp, values[hp.name]):
                raise ValueError(f"`initial_trials` gives {hp.name} = {values[hp.name]!r}, which is not in {hp}.")


def _initial_first(oracle: keras_tuner.Oracle, initial: Sequence[dict[str, Any]]) -> Callable[[str], Any]:
    waiting = [dict(values) for values in initial]
    proposed = oracle.populate_space

    def populate_space(trial_id: str) -> Any:
        if not waiting:
            return proposed(trial_id)
        hp = oracle.get_space()
        hp.values = {**hp.values, **waiting.pop(0)}
        hp.ensure_active_values()
        active = {one.name for one in hp.space if hp.is_active(one)}
        return {"status": "RUNNING", "values": {name: v for name, v in hp.values.items() if name in active}}

    return populate_space


def tell(oracle: keras_tuner.Oracle, trial: keras_tuner.engine.trial.Trial, outcome: Outcome) -> None:
    """Tells an oracle how a trial went that it had proposed.

    Args:
        oracle: Proposed the trial.
        trial: `keras_tuner` trial.
        outcome: How it went.
    """
    add_entries(trial, outcome)
    trial.message = outcome.reason
    if outcome.score is None:
        trial.status = "FAILED"
    else:
        metrics = {name: value for name, value in outcome.metrics.items() if np.isfinite(value)}
        objective = oracle.objective
        metrics[objective.name] = outcome.score
        # A `run_trial` of the user's own may have told the oracle itself.
        if not trial.metrics.exists(objective.name):
            # KerasTuner tells a direction from the name, which it cannot of a metric of the user's own.
            trial.metrics.register(objective.name, objective.direction)
            oracle.update_trial(trial.trial_id, metrics, step=_best_step(outcome))
        trial.status = "COMPLETED"
    oracle.end_trial(trial)
    if isinstance(oracle, keras_tuner.oracles.GridSearchOracle):
        return  # it finds its next point by the values of the last one, among those that it knows
    fixed = {hp.name for hp in trial.hyperparameters.space if isinstance(hp, hyperparameters.Fixed)}
    # Only now: what the oracle has tried is known by the values that it proposed.
    trial.hyperparameters.values.update({name: v for name, v in outcome.values.items() if name in fixed})


def restored(
    oracle: keras_tuner.Oracle, number: int, values: dict[str, Any], outcome: Outcome | None
) -> keras_tuner.engine.trial.Trial:
    """Gives an oracle a trial of a former process, as it was proposed, and how it went where it has ended.

    Args:
        oracle: Has been told of the trials before it.
        number: Of the trial.
        values: Its hyperparameters.
        outcome: How it went, or `None`.
    """
    hp = oracle.get_space()
    hp.values = dict(values)
    made = keras_tuner.engine.trial.Trial(hp, trial_id=f"{number:0{len(str(oracle.max_trials))}d}")
    oracle.trials[made.trial_id] = made
    oracle.start_order.append(made.trial_id)
    number_trial(oracle, made)
    if outcome is not None:
        tell(oracle, made, outcome)
    return made


def tell_again(trial: keras_tuner.engine.trial.Trial, outcome: Outcome) -> None:
    """Corrects the score of a trial that has ended once and was gone on with; KerasTuner ends no trial twice."""
    add_entries(trial, outcome)
    trial.message = outcome.reason
    trial.score, trial.best_step = outcome.score, _best_step(outcome)


def add_entries(trial: keras_tuner.engine.trial.Trial, outcome: Outcome) -> None:
    """Adds to a trial the hyperparameters that were asked for first while it trained, elsewhere or in a former process.

    Args:
        trial: `keras_tuner` trial.
        outcome: How it went.
    """
    if not outcome.entries:
        return
    asked = keras_tuner.HyperParameters.from_config({"space": outcome.entries, "values": {}})
    trial.hyperparameters.merge(asked, overwrite=False)
    # Who asks first gets the default; what the best member was trained at instead is no value of the oracle's.
    trial.hyperparameters.values.update({hp.name: hp.default for hp in asked.space if hp.name in outcome.values})


def _best_step(outcome: Outcome) -> int:
    """KerasTuner counts epochs from 0."""
    return 0 if outcome.best_epoch is None else outcome.best_epoch - 1


def _is_possible(hp: hyperparameters.HyperParameter, value: Any) -> bool:
    """Whether a hyperparameter can have a value."""
    if isinstance(hp, (hyperparameters.Int, hyperparameters.Float)):
        return isinstance(value, (int, float)) and hp.min_value <= value <= hp.max_value
    return value in hp.values
