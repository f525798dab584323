"""The whole job: load, check, train members, vote, measure once, export, report."""

from __future__ import annotations

import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import keras
import numpy as np
from rich.console import Console

from ..callbacks.progress import Progress
from ..toolkit.checks import instance_of, number, one_of, path_of, whole_number
from ..toolkit.data import Opening, Split, Splits, load
from ..toolkit.data.images import small_images
from ..toolkit.data.sequences import filled, is_padded
from ..toolkit.data.splits import take
from ..toolkit.data.table_check import leaks
from ..toolkit.diagnosis.findings import Finding
from ..toolkit.diagnosis.wording import LANGUAGES
from ..toolkit.ensembles import select_members, vote
from ..toolkit.ensembles.evaluation import Answers, evaluate
from ..toolkit.metrics.balanced_weights import balanced_rows, balanced_weights, rare_class
from ..toolkit.metrics.class_scores import class_scores, in_words
from ..toolkit.metrics.decision_threshold import Threshold, best_threshold, of_class
from ..toolkit.metrics.permutation_importance import permutation_importance
from ..toolkit.metrics.prediction_intervals import PredictionIntervals, prediction_intervals
from ..toolkit.metrics.scores import calibration_error, score_of, truth
from ..toolkit.models.columns_in import model_inputs
from ..toolkit.models.first import constant_features, described, is_image
from ..toolkit.models.first_sizes import fitting_batch_size, fitting_rate
from ..toolkit.models.series import is_grey
from ..toolkit.preflight import check
from ..toolkit.report.answers import AnsweredRows, answers_part
from ..toolkit.report.inputs import inputs_part
from ..toolkit.report.layers import layers_part
from ..toolkit.report.page import write
from ..toolkit.report.parts import data_part, export_part, schema_part, scores_part, title_part, versions
from ..toolkit.runtime.files import read_json, write_json
from ..toolkit.runtime.output_folders import opened
from ..toolkit.runtime.own_folders import claim, discard, folder_name, held_alone, is_own
from ..toolkit.runtime.randomness import preserved
from ..toolkit.saving.exporting import ExportReport, export, published_before
from ..toolkit.tasks import Task
from .encoded_rows import EncodedRows
from .ensemble_training import Member, Plan, train_members
from .forecast_references import fit_forecast_references
from .reference_models import Reference, compared, fit_references
from .refitting import fitting_epochs, joined, refit_members

Number = TypeVar("Number", int, float)

_STATE = "trainwise-state"
# Says whose state it is; a state without it is none.
_RUN = "run.json"
# What a machine can hold and a person can mean; above, a slip of the keyboard.
_MOST = {"members": 1_000, "epochs": 1_000_000, "patience": 1_000_000, "batch_size": 2**31 - 1}
# Keras' seeds end here, and each member has the next one.
_SEEDS = 2**32
_PIXELS_BESIDE = 16
# Measured with the scores, once; sections of their own in the report.
_OF_THE_ANSWERS = ("answers", "inputs")
# What the importance of all columns may take; of many columns some are then left out.
_SECONDS_TO_SHUFFLE = 10.0
# Rows that a model answers at once: as many as pay, few enough for wide images.
_ROWS_TO_ANSWER = 256
# Of two classes one has few rows below this share.
_FEW_OF_TWO = 0.2
_AUGMENTED = {
    "shift": "images shifted by a tenth of their sides at most",
    "flip": "images mirrored left to right",
    "shift_flip": "images shifted by a tenth of their sides at most and mirrored left to right",
}
_AUGMENTATIONS = ("auto", "none", "shift", "flip", "shift_flip")


@dataclass(frozen=True)
class Settings:
    """What a run trains, and how long.

    Args:
        members: Number of members of the ensemble, in [1, 1000]; each has a seed of its own.
        epochs: Epochs a member at most, in [1, 1000000]; the best one by validation loss is kept.
        patience: Epochs without a lower validation loss after which a member stops, in [1, 1000000].
        batch_size: Rows an update, in [1, 2**31); by default so many that an epoch has about 60 updates, 8 to 512.
        learning_rate: Of the Adam optimizer, > 0; by default 0.001 to 0.01, the higher the fewer updates there are.
        seed: Decides the splits, the starting weights and the order of the batches, in [0, 2**32 - members].
        augmentation: Of images, in training only: `"none"`, `"shift"`, `"flip"` (left to right), `"shift_flip"`; by
            default images read from files are shifted where they have 16 pixels a side, those of colours mirrored too.
        class_weights: `"none"`, or `"balanced"`: classes count alike however many rows they have, in training, choice
            and measurement. Probabilities are then those of classes that are equally common.
        refit: Whether the members are trained again after the choice, on training and validation rows together, for the
            mean of their best epochs; these are measured and exported.
        text: How texts in a table are read: `"terms"`, by which words and pairs of words there are; `"sequence"`, by
            their order too, through an embedding and a convolution over neighbours.

    Raises:
        TypeError: A setting is not a number.
        ValueError: A setting is out of range.

    Example:

    >>> Settings(members=0)
    Traceback (most recent call last):
    ValueError: `members` must be at least 1, got 0.
    """

    members: int = 5
    epochs: int = 30
    patience: int = 5
    batch_size: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    augmentation: str = "auto"
    class_weights: str = "none"
    refit: bool = False
    text: str = "terms"

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name), 1, most)
        whole_number("seed", self.seed, 0, _SEEDS - self.members)
        one_of("augmentation", self.augmentation, _AUGMENTATIONS)
        one_of("class_weights", self.class_weights, ("none", "balanced"))
        one_of("text", self.text, ("terms", "sequence"))
        if self.learning_rate is not None:
            number("learning_rate", self.learning_rate, 0, np.inf, open_low=True, open_high=True)

    def fitted_to(self, rows: int, images: bool, series: bool = False) -> Settings:
        """These settings with a batch size and a rate that fit so many training rows, where none were given."""
        batch_size = self.batch_size or fitting_batch_size(rows, images)
        updates = self.epochs * -(-rows // batch_size)
        return replace(
            self, batch_size=batch_size, learning_rate=self.learning_rate or fitting_rate(updates, images or series)
        )


@dataclass(frozen=True)
class RunResult:
    """What a run left behind.

    Args:
        model: The winner: the vote, or the best member.
        report: The numbers of `report.json`.
        directory: The folder with `report.html`, `report.json` and `models/`.
    """

    model: keras.Model
    report: dict[str, Any]
    directory: Path


class Job:
    """One run: everything that can be refused is refused while it is made, before any training.

    Args: as for `run`.
    """

    def __init__(
        self,
        source: Any,
        out: str | Path,
        settings: Settings,
        *,
        target: str | None = None,
        task: Task | None = None,
        header: bool | None = None,
        drop: Sequence[str] = (),
        resume: bool = False,
        command: str = "",
        say: Callable[[str], None] = print,
        console: Console | None = None,
        data_dir: str | Path | None = None,
        columns: Mapping[str, str] | None = None,
        group: str | None = None,
        time: str | None = None,
        forecast: int | None = None,
        window: int | None = None,
        sequence: str | None = None,
        in_memory: int | None = None,
        rare: str = "refuse",
        keep_rows: bool = True,
        language: str = "en",
    ) -> None:
        self.settings = settings
        self.language = one_of("language", language, LANGUAGES)
        self.keep_rows = keep_rows
        self.command = command
        self.say = say
        self.console = console
        self.seconds: dict[str, float] = {}
        if in_memory is None and resume:
            in_memory = _rows_held_before(Path(out))
        with self._timed("load"):
            self.raw = load(
                source,
                target=target,
                task=task,
                seed=settings.seed,
                header=header,
                drop=drop,
                data_dir=data_dir,
                columns=columns,
                group=group,
                time=time,
                forecast=forecast,
                window=window,
                sequence=sequence,
                in_memory=in_memory,
                rare=rare,
            )
        # Members learn from what is encoded, once; what is exported takes the raw rows.
        with self._timed("encode") if self.raw.columns else nullcontext():
            self.rows = EncodedRows(self.raw, settings.text)
            on_disk = self.rows.on_disk
        self.splits, self.encoder, self.layout = self.rows.splits, self.rows.encoder, self.rows.layout
        rows = len(self.splits.train) if on_disk is None else on_disk.rows
        self.settings = settings.fitted_to(rows, self.rows.are_images, self.rows.are_series)
        self.augmentation = self._augmentation()
        # After the data: what cannot be read leaves no folder behind.
        self.out = opened(out)
        self.head = self.rows.head
        self.balanced = self.settings.class_weights == "balanced"
        if self.balanced and self.head.task not in ("binary", "multiclass"):
            raise ValueError(f"`class_weights` 'balanced' is for classes, and the task is {self.head.task}.")
        # From here on nobody else works in this folder, until this run ends or its process does.
        with ExitStack() as held:
            held.enter_context(held_alone(self.out))
            self._open_state(resume)
            self._say_data()
            if not resume and (self.out / "report.json").is_file():
                self.say(
                    f"out: {self.out} holds a run that has ended; its report is replaced, the model gets a next version"
                )
            self._held = held.pop_all()

    def run(self) -> RunResult:
        """Does the work, and leaves the random state of the process as it was."""
        with self._held, preserved():
            return self._run()

    def _run(self) -> RunResult:
        splits, settings = self.splits, self.settings
        inputs, architecture = described(self.raw)
        rate, batch_size = _known(settings.learning_rate), _known(settings.batch_size)
        build = self._builder(splits.train)
        with self._timed("check"):
            checks = self._check(build)
        self.say(
            f"train: {settings.members} members side by side, {architecture}, at most {settings.epochs} epochs, "
            f"batches of {batch_size}, Adam at {rate:.2g}, seed {settings.seed}"
        )
        with self._timed("train"):
            members = self._train(build)
        with self._timed("vote"):
            weights, models, winner = self._vote(members)
        # Of models that have not learnt from the validation rows: those that have miss them by less than new ones.
        self._intervals = self._prediction_intervals(models[winner])
        self._threshold = self._moved_threshold(models[winner])
        if settings.refit:
            with self._timed("refit"):
                models = self._refitted(members, weights)
        with self._timed("beside"):
            references = self._references()
        with self._timed("test"):
            evaluation, beside = self._measure(models, winner, references)
        with self._timed("export"):
            model = models[winner] if self.encoder is None else self.encoder.before(models[winner])
            exported = self._export(model, self._card(checks, members, evaluation, beside, models[winner]))
        report = self._report(checks, members, weights, evaluation, exported, inputs, architecture)
        report["beside"] = beside
        html, _ = write(report, self.out, self.language)
        self.say(f"report: {html}")
        # Last: whatever fails before, the run can go on from its state.
        try:
            discard(self._state, first=_RUN)
        except OSError as error:
            self.say(f"  warning: {self._state} is done with, and could not be removed: {error}")
        return RunResult(model, report, self.out)

    def _builder(self, rows: Split) -> Callable[[], keras.Model]:
        return self.rows.builder(rows, _known(self.settings.learning_rate), self.augmentation)

    def _augmentation(self) -> str:
        wanted = self.settings.augmentation
        if wanted == "auto":
            return self.rows.augmentation
        if wanted != "none" and not is_image(self.raw.train.x):
            raise ValueError(f"`augmentation` {wanted!r} is for images, and {self.raw.name} holds none.")
        return wanted

    def _encoded(self, rows: Split) -> Split:
        return self.rows.encoded(rows)

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[step] = round(time.perf_counter() - start, 3)

    @property
    def _state(self) -> Path:
        return self.out / _STATE

    def _open_state(self, resume: bool) -> None:
        """Starts afresh, or makes sure that what is resumed is this very run."""
        wanted = {**asdict(self.settings), "fingerprint": self.splits.fingerprint, "task": self.splits.task}
        wanted["in_memory"] = self.raw.in_memory
        known = read_json(self._state / _RUN) if resume and is_own(self._state) else None
        if known is None:
            if resume:
                self.say(f"resume: there is no interrupted run in {self.out}; starting afresh")
            # A state left by another run, or half removed by a killed one, must not be taken for this one's.
            if is_own(self._state):
                discard(self._state, first=_RUN)
            claim(self._state)
            known = {**wanted, "run": uuid.uuid4().hex}
            write_json(self._state / _RUN, known)
        changed = [name for name, value in wanted.items() if known.get(name) != value]
        if changed:
            raise ValueError(
                f"The interrupted run in {self.out} had another {', '.join(changed)}; use the same command, or "
                "leave out --resume to start afresh."
            )
        self._run_name = str(known["run"])
        # An opening stays one, also where the process that made it was killed.
        openings = read_json(self._state / "openings.json") or []
        self.splits.test.openings.extend(Opening(**opening) for opening in openings)
        self._measured = read_json(self._state / "evaluation.json")

    def _say_data(self) -> None:
        splits = self.raw
        inputs, _ = described(splits)
        self.say(
            f"load: {splits.name}, {inputs}; {len(splits.train)} rows to train, {len(splits.validation)} to validate, "
            f"{len(splits.test)} sealed for the test"
        )
        end = self.head
        self.say(f"head: {end.task}, {end.units} output unit(s), {end.activation}, {end.loss}")
        for line in (*splits.notes, *(column.said for column in splits.columns)):
            self.say(f"  {line}")
        if self.augmentation != "none":
            self.say(f"augment: {_AUGMENTED[self.augmentation]}, in training only")
        self._say_classes()
        if self.rows.on_disk is not None:
            lost = self.rows.without_target
            self.say(
                f"blocks: {self.rows.on_disk.rows:,} training rows on disk"
                + (f"; {lost:,} rows whose class does not occur in the sample are skipped" if lost else "")
            )
        if self.rows.long_tailed:
            self.say(
                f"target: {splits.target!r} has a long tail and nothing below 0: learnt through its logarithm, "
                "answered in its own units"
            )
        constant = constant_features(splits.train.x, splits.features)
        self.notes = leaks(splits)
        for note in self.notes:
            self.say(f"  warning: {note}")
        if constant:
            listed = ", ".join(constant[:5]) + (f" and {len(constant) - 5} more" if len(constant) > 5 else "")
            self.notes.append(f"Constant in the training rows, and so of no use: {listed}.")
        told = self.notes[-1:] if constant else []
        self.say(" ".join(["normalise: inside the model, by the training rows only.", *told]))

    def _say_classes(self) -> None:
        train, names = self.raw.train, self.raw.classes or ()
        if self.head.task not in ("binary", "multiclass") or train.y.ndim > 1:
            return
        if self.balanced:
            weights = balanced_weights(train.y)
            listed = ", ".join(f"{name!r} x {weight:.2f}" for name, weight in zip(names[:5], weights, strict=False))
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            self.say(f"classes: weighed alike, {listed}{more}; probabilities are those of equally common classes")
            return
        rare = rare_class(train.y, len(names))
        if rare is not None:
            share = np.mean(train.y == rare)
            self.say(
                f"classes: {names[rare]!r} has {share:.1%} of the training rows, so accuracy says little of it; "
                "--class-weights balanced lets all classes count alike"
            )

    def _check(self, build: Callable[[], keras.Model]) -> list[Finding]:
        train, validation = self.splits.train, self.splits.validation
        # A model of its own, since each member is built from its own seed.
        findings = check(build(), train.x, train.y, (validation.x, validation.y))
        self.say(f"check: {'nothing wrong' if not findings else f'{len(findings)} finding(s)'}")
        for finding in findings:
            self.say(f"  {finding}")
        return findings

    def _train(self, build: Callable[[], keras.Model]) -> list[Member]:
        progress = Progress("  mean of the members", self.console) if self.console else None

        def report(name: str, finding: Finding) -> None:
            self.say(f"  {name}: {finding}")
            if progress:
                progress.tell(finding)

        settings = self.settings
        # One seed for all would give equal members.
        seeds = [settings.seed + k for k in range(settings.members)]
        plan = Plan(
            seeds, settings.epochs, settings.patience, _known(settings.batch_size), self._weights(), self.rows.on_disk
        )
        self._plan = plan
        try:
            members = train_members(build, self.splits, plan, self._state, report, progress)
        finally:
            # An interrupt must leave the terminal as it was.
            if progress:
                progress.stop()
        for member in members:
            best = "none" if member.best_epoch is None else str(member.best_epoch + 1)
            self.say(f"  {member.name}: seed {member.seed}, best epoch {best}, {_last_line(member)}")
        return members

    def _weights(self) -> np.ndarray | None:
        return balanced_weights(self.splits.train.y) if self.balanced else None

    def _vote(self, members: list[Member]) -> tuple[np.ndarray, dict[str, keras.Model], str]:
        """Chooses members, and the winner, on validation rows only."""
        validation = self.splits.validation
        answers = np.array([_predict(member.model, validation.x) for member in members])
        if not np.all(np.isfinite(answers)):
            raise ArithmeticError(
                "Training broke down: a member outputs NaN. See the findings above, and change that first."
            )
        y = validation.y
        if self.balanced:
            at = balanced_rows(y)
            answers, y = answers[:, at], y[at]
        metric: Literal["mse", "nll"] = "mse" if self.head.task == "regression" else "nll"
        selection = select_members(answers, y, metric=metric, seed=self.settings.seed, rows=self.raw.validation)
        # One greedy step is the best single member by the same measure.
        best = select_members(answers, y, size=1, metric=metric, seed=self.settings.seed).members[0]
        alone = len(selection.members) == 1
        self._best = best
        models = self._voted(members, selection.weights, best)
        winner = next(iter(models)) if alone else "soft vote"
        chosen = ", ".join(f"{members[k].name} x {selection.weights[k]:.2f}" for k in selection.members)
        compared = f"; all {len(members)} members vote for comparison" if alone else ""
        self.say(f"vote: {chosen} chosen on validation rows{compared}; to be exported: {winner}")
        return selection.weights, models, winner

    def _prediction_intervals(self, model: keras.Model) -> PredictionIntervals | None:
        if self.head.task != "regression":
            return None
        validation = self.splits.validation
        return prediction_intervals(_predict(model, validation.x), validation.y)

    def _moved_threshold(self, model: keras.Model) -> Threshold | None:
        """Where a class of two has few rows: the probability from which on it is answered."""
        train, validation = self.splits.train, self.splits.validation
        if self.head.task != "binary" or self.balanced:
            return None
        rare = int(np.mean(train.y) < 0.5)
        if np.mean(train.y == rare) >= _FEW_OF_TWO:
            return None
        found = Threshold(rare, best_threshold(of_class(_predict(model, validation.x), rare), validation.y == rare))
        if found.value == 0.5:
            return None
        self.say(
            f"threshold: {(self.raw.classes or ())[rare]!r}, {np.mean(train.y == rare):.1%} of the training rows, "
            f"is answered from a probability of {found.value:.3f} on, by its F1 on validation rows"
        )
        return found

    def _voted(self, members: list[Member], weights: np.ndarray, best: int) -> dict[str, keras.Model]:
        """The best member and the votes by name."""
        self._members = [member.model for member in members]
        # Where one member does better alone, all of them vote, so that there is a vote to compare it with.
        shares = np.full(len(members), 1 / len(members)) if np.sum(weights > 0) == 1 else weights
        voters = [(member.model, float(share)) for member, share in zip(members, shares, strict=True) if share > 0]
        voting, kept = [model for model, _ in voters], [share for _, share in voters]
        models = {f"{members[best].name} (best on validation)": members[best].model}
        models["soft vote"] = vote(voting, "soft", kept)
        if self.head.task != "regression":
            # Quantities have no majority.
            models["hard vote"] = vote(voting, "hard", kept)
        return models

    def _refitted(self, members: list[Member], weights: np.ndarray) -> dict[str, keras.Model]:
        """The same choice of members that have learnt from the validation rows too."""
        rows, on_disk = joined(self.splits.train, self.splits.validation), self.rows.on_disk
        if on_disk is not None:
            on_disk.add(np.asarray(self.splits.validation.x), self.splits.validation.y)
        epochs = fitting_epochs(members)
        plan = replace(self._plan, class_weights=balanced_weights(rows.y) if self.balanced else None)
        folder = self._state / "refit"
        again = refit_members(self._builder(rows), self.splits, rows, plan, epochs, folder)
        self.say(f"refit: {len(rows)} training and validation rows together, {epochs} epochs, the same members chosen")
        return self._voted(again, weights, self._best)

    def _references(self) -> list[Reference]:
        """Simple models of the training rows, fitted before the test rows are opened."""
        if self._measured is not None:
            return []
        if self.raw.forecast is not None:
            return fit_forecast_references(self._learnt(self.raw), self.raw.forecast, self.settings.seed)
        raw, features = self._beside(self._learnt(self.raw), self._learnt(self.splits))
        found = fit_references(
            raw, features, self.head.task, self.raw.columns, self.layout, self.settings.seed, self.balanced
        )
        if self.rows.on_disk is not None:
            held = f"fitted to the {len(features):,} rows that are held"
            return [replace(one, note=f"{held}; {one.note}" if one.note else held) for one in found]
        if not self.raw.images:
            return found
        height, width = features.shape[1:3]
        pixels = f"of {height} x {width} pixels"
        return [replace(one, note=f"{pixels}; {one.note}" if one.note else pixels) for one in found]

    def _learnt(self, splits: Splits) -> Split:
        """What the exported model has learnt from, and so the models beside it."""
        return joined(splits.train, splits.validation) if self.settings.refit else splits.train

    def _beside(self, rows: Split, encoded: Split) -> tuple[Split, np.ndarray]:
        """Rows as the references take them, and their features: images of few pixels, each looked at by itself."""
        if is_padded(self.raw.train.x):
            gaps, means = filled(np.asarray(rows.x), np.asarray(self.raw.train.x))
            return Split(gaps, rows.y), means
        if not self.raw.images:
            return rows, np.asarray(encoded.x)
        small = small_images(np.asarray(rows.x), _PIXELS_BESIDE)
        return Split(small, rows.y), small

    def _measure(
        self, models: dict[str, keras.Model], winner: str, references: list[Reference]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        if self._measured is not None:
            # The test rows are measured once; a resumed run tells what was measured.
            kept: dict[str, Any] = self._measured
            self.say(f"test: measured before the interruption. {kept['sentence']}")
            return kept, read_json(self._state / "beside.json") or {}
        with warnings.catch_warnings(record=True) as caught:
            # Opening a split a second time warns, and the log of the run must say so.
            warnings.simplefilter("always")
            test = self.splits.test.open("final evaluation")
        for warning in caught:
            self.say(f"  warning: {warning.message}")
        openings = [asdict(opening) for opening in self.splits.test.openings]
        # Before anything is measured: a kill from here on must not hide that the rows were seen.
        write_json(self._state / "openings.json", openings)
        raw, test = test, self._encoded(test)
        answers = [Answers(name, _predict(model, test.x)) for name, model in models.items()]
        evaluation = evaluate(answers, test.y, self.head.task, winner, self.settings.seed, self.balanced)
        network = next(answer for answer in answers if answer.name == winner)
        evaluation["members"] = self._alone(test)
        importance = self._importance(models[winner])
        evaluation["answers"] = self._answers(models[winner], network.values, raw, importance)
        evaluation["inputs"] = inputs_part(self.raw, importance)
        seen, features = self._beside(raw, test)
        beside = compared(references, seen, features, self.head.task, network, self.settings.seed, self.balanced)
        write_json(self._state / "beside.json", beside)
        evaluation["said"] = self._said_of(network.values, test.y)
        # Last of the two: what is there says that both were measured.
        write_json(self._state / "evaluation.json", evaluation)
        for result in evaluation["results"]:
            self.say(
                f"test: {result['name']}: {evaluation['metric']} {result['value']:.4f}, "
                f"{evaluation['interval']} {result['low']:.4f} to {result['high']:.4f}"
                + (f"; {result['classes']}" if result.get("classes") else "")
            )
        self.say(f"  {evaluation['sentence']}")
        for sentence in evaluation["said"]:
            self.say(f"  {sentence}")
        for result in beside["results"]:
            note = "".join(f"; {result[part]}" for part in ("note", "classes") if result.get(part))
            self.say(
                f"beside: {result['name']}: {beside['metric']} {result['value']:.4f} in {result['seconds']:.1f} s{note}"
            )
        self.say(f"  {beside['sentence']}")
        return evaluation, beside

    def _alone(self, test: Split) -> list[dict[str, Any]]:
        """What each member alone scores on the test rows, by the measure of the evaluation."""
        found = []
        for place, model in enumerate(self._members):
            values = _predict(model, test.x)
            if self.balanced:
                score = float(class_scores(values, test.y)["balanced_accuracy"])
            else:
                score = score_of(values, test.y, self.head.task)
            found.append({"name": f"member_{place}", "value": score})
        return found

    def _importance(self, model: keras.Model) -> list[dict[str, Any]]:
        """What each column counts for the model, on validation rows; empty where the inputs are no columns."""
        rows = self.raw.validation
        x = rows.x
        if is_image(x) or is_grey(x) or self.raw.forecast is not None or is_padded(x):
            return []
        names = list(x) if isinstance(x, dict) else _names_of(x, self.raw.features)

        def score(inputs: Any, y: np.ndarray) -> float:
            values = _predict(model, self._encoded(Split(inputs, y)).x)
            return score_of(values, y, self.head.task)

        return permutation_importance(score, x, rows.y, names, seconds=_SECONDS_TO_SHUFFLE, seed=self.settings.seed)

    def _answers(
        self, model: keras.Model, values: np.ndarray, test: Split, importance: list[dict[str, Any]]
    ) -> dict[str, Any]:
        held_out = self.splits.validation
        return answers_part(
            self.head.task,
            # Where no row may be kept beside the model, none is shown.
            AnsweredRows(values, test.y, test.x if self.keep_rows else None),
            AnsweredRows(_predict(model, held_out.x), held_out.y),
            self.raw.features,
            [one["name"] for one in importance],
        )

    def _said_of(self, values: np.ndarray, y: np.ndarray) -> list[str]:
        """What `predict` will make of the winner's answers, on the test rows."""
        said = []
        if self._intervals is not None:
            answered, truths = (np.reshape(part, (len(y), -1)) for part in (values, y))
            said.append(
                f"{self._intervals.hold(answered, truths):.1%} of the test rows lie in the intervals that `predict` "
                f"writes; {self._intervals.coverage:.0%} are meant to."
            )
        if self._threshold is not None:
            rare = self._threshold.place
            ones, truth_of = of_class(values, rare), (y == rare).astype(int)
            half, moved = (in_words(class_scores(one, truth_of)) for one in (ones, self._threshold.at_a_half(ones)))
            right = np.mean((ones > self._threshold.value) == truth_of)
            said.append(
                f"{(self.raw.classes or ())[rare]!r} answered from {self._threshold.value:.3f} on, as `predict` does: "
                f"accuracy {right:.4f}, {moved}; from 0.5 on: {half}."
            )
        return said

    def _card(
        self,
        checks: list[Finding],
        members: list[Member],
        evaluation: dict[str, Any],
        beside: dict[str, Any],
        winner: keras.Model,
    ) -> dict[str, Any]:
        """What the model's card says beyond what its export knows."""
        splits, end = self.raw, self.head
        validation = self.splits.validation
        card: dict[str, Any] = {
            "task": end.task,
            "seed": self.settings.seed,
            "settings": {**asdict(self.settings), "optimizer": "adam"},
            "data": {
                "name": splits.name,
                "target": splits.target,
                "fingerprint": splits.fingerprint,
                "rows to train": len(splits.train),
                "rows to validate": len(splits.validation),
                "rows to test": len(splits.test),
            },
            "scores": scores_part(evaluation),
            "beside": {**{"sentence": beside.get("sentence")}, "models": scores_part(beside)},
            "findings": [
                str(finding)
                for finding in [*checks, *(one for member in members for one in member.findings)]
                if finding.level != "info"
            ]
            or ["No warnings."],
        }
        if end.task != "regression":
            answers = np.asarray(winner.predict(model_inputs(validation.x), verbose=0))
            targets = truth(answers, validation.y)
            card["calibration"] = {
                "expected calibration error": calibration_error(answers, targets, end.task == "multiclass"),
                "rows": f"{len(answers)} validation rows, by which the model was chosen: expect a little more",
            }
        return card

    def _export(self, model: keras.Model, card: dict[str, Any]) -> ExportReport:
        splits = self.raw
        folder = self.out / "models" / folder_name(splits.name)
        # A kill between the export and the report must not publish the model twice.
        published = published_before(folder, self._run_name)
        if published is not None:
            self.say(f"export: {published.path}, published and proved before the interruption")
            return published
        # Validation rows: the proof of an export needs some rows, and the test rows stay sealed.
        rows = model_inputs(take(splits.validation.x, slice(0, 32)))
        schema = {**schema_part(splits), "run": self._run_name}
        if self._intervals is not None:
            schema["intervals"] = self._intervals.as_dict()
        if self._threshold is not None:
            schema["threshold"] = self._threshold.as_dict()
        exported = export(model, folder, rows, splits.classes, schema, keep_rows=self.keep_rows, card=card)
        self.say(
            f"export: {exported.path}, proved in a fresh process on {exported.rows} rows, "
            f"largest difference {exported.max_difference:.1e}"
        )
        return exported

    def _report(
        self,
        checks: list[Finding],
        members: list[Member],
        weights: np.ndarray,
        evaluation: dict[str, Any],
        exported: ExportReport,
        inputs: str,
        architecture: str,
    ) -> dict[str, Any]:
        splits = self.raw
        parts = {name: evaluation[name] for name in _OF_THE_ANSWERS if name in evaluation}
        return {
            **title_part(splits.name, self.command),
            "seed": self.settings.seed,
            "settings": {**asdict(self.settings), "optimizer": "adam", "architecture": architecture},
            "versions": versions(),
            "data": data_part(splits, inputs, self.notes),
            "head": {**asdict(self.head), "metrics": list(self.head.metrics)},
            "checks": [finding.as_dict() for finding in checks],
            "members": [_member_report(member, weight) for member, weight in zip(members, weights, strict=True)],
            "evaluation": {name: part for name, part in evaluation.items() if name not in parts},
            **parts,
            "export": export_part(exported, self.out),
            "seconds": self.seconds,
        }


def run(
    source: Any,
    out: str | Path,
    settings: Settings | None = None,
    *,
    target: str | None = None,
    task: Task | None = None,
    header: bool | None = None,
    drop: Sequence[str] = (),
    resume: bool = False,
    command: str = "",
    say: Callable[[str], None] = print,
    console: Console | None = None,
    data_dir: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    group: str | None = None,
    time: str | None = None,
    forecast: int | None = None,
    window: int | None = None,
    sequence: str | None = None,
    in_memory: int | None = None,
    rare: str = "refuse",
    keep_rows: bool = True,
    language: str = "en",
) -> RunResult:
    """Loads data, checks it, trains members, lets them vote, measures once, exports and reports.

    Args:
        source: What `trainwise.data.load` takes.
        out: Folder for `report.html`, `report.json` and `models/NAME/VERSION/`; one run at a time works in it.
            Until the run ends its state stands there, in `trainwise-state`.
        settings: What to train; see `Settings`.
        target: Column of a table to predict; the last one by default.
        task: The task; found from the targets by default.
        header: Whether the first row of a text table names the columns; found out by default.
        drop: Columns of a table to leave out.
        resume: Whether to go on with an interrupted run of the same settings and data in `out`.
        command: The command line, for the report.
        say: Takes each line about a step.
        console: Where to show the progress of each epoch; nowhere by default.
        data_dir: Where tfds keeps its files.
        columns: What columns of a table are, by name, where what is found is not right; as for `trainwise.data.load`.
        group: Column whose rows of one value stay in one split.
        time: Column by which the splits follow one another.
        forecast: How many values of the target that come next are to be answered, as for `trainwise.data.load`.
        window: How many values a forecast looks back at.
        sequence: Column that tells several series of a forecast apart.
        in_memory: Rows of a table that are held in memory at most, 0 for all, as for `trainwise.data.load`; members
            learn from the others too, out of blocks on disk. A resumed run holds what it held before.
        rare: What becomes of classes with fewer than 3 rows: `"refuse"`, `"drop"` or `"merge"`.
        keep_rows: Whether up to 32 validation rows are kept beside the exported model, for `tw.verify`, and test rows
            that are answered wrong are shown in the report.
        language: Of the report's page, `"en"` or `"ko"`.

    Returns:
        The `RunResult`.

    Raises:
        ArithmeticError: Training broke down: a member outputs NaN.
        ExportRefusedError: The exported model does not output what the trained one does.
        OSError: A file is missing, or `out` cannot be written.
        TypeError: The source is of no kind that can be read.
        ValueError: The data or an argument cannot be used, see `trainwise.data.load`; or another run is at work
            in `out`.
    """
    path_of("out", out)
    if settings is not None:
        instance_of("settings", settings, Settings, "a `Settings`")
    job = Job(
        source,
        out,
        settings or Settings(),
        target=target,
        task=task,
        header=header,
        drop=drop,
        resume=resume,
        command=command,
        say=say,
        console=console,
        data_dir=data_dir,
        columns=columns,
        group=group,
        time=time,
        forecast=forecast,
        window=window,
        sequence=sequence,
        in_memory=in_memory,
        rare=rare,
        keep_rows=keep_rows,
        language=language,
    )
    return job.run()


def _rows_held_before(out: Path) -> int | None:
    """What an interrupted run decided by the memory that was free then."""
    state = out / _STATE
    known = read_json(state / _RUN) if is_own(state) else None
    return known.get("in_memory") if known else None


def _known(setting: Number | None) -> Number:
    """A setting that was fitted to the rows, and so is there."""
    if setting is None:
        raise TypeError("Settings must be fitted to the rows before they are used.")
    return setting


def _predict(model: keras.Model, x: Any) -> np.ndarray:
    answers = np.asarray(model.predict(model_inputs(x), batch_size=_ROWS_TO_ANSWER, verbose=0))
    # The scores take a binary answer or a quantity as `(rows,)`.
    return answers[:, 0] if answers.shape[1] == 1 else answers


def _names_of(x: Any, features: Sequence[str]) -> list[str]:
    count = np.shape(x)[-1]
    return list(features) if len(features) == count else [f"column {k}" for k in range(count)]


def _last_line(member: Member) -> str:
    if member.best_epoch is None:
        return "no finite validation loss"
    return ", ".join(
        f"{name} {values[member.best_epoch]:.4f}" for name, values in member.history.items() if name.startswith("val_")
    )


def _member_report(member: Member, weight: float) -> dict[str, Any]:
    at = member.best_epoch
    return {
        "name": member.name,
        "seed": member.seed,
        "parameters": int(member.model.count_params()),
        "best_epoch": at,
        "history": member.history,
        "layers": layers_part(member.probes),
        "chosen_weight": float(weight),
        "findings": [finding.as_dict() for finding in member.findings],
        "validation": {}
        if at is None
        else {
            name.removeprefix("val_"): values[at] for name, values in member.history.items() if name.startswith("val_")
        },
    }
