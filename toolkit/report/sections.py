"""What each section of a report's page shows, made of the plain values of the report."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from ..diagnosis.catalogue import CAUSES, LEVELS, SYMPTOMS
from ..diagnosis.cure_code import cure_code
from ..diagnosis.findings import Advice
from ..diagnosis.korean import CAUSES_KO, SYMPTOMS_KO
from ..diagnosis.shapes import shape
from ..diagnosis.wording import advice_sentence_ko, reason
from .answer_charts import (
    calibration_chart,
    importance_chart,
    layers_chart,
    pairs_chart,
    residuals_chart,
    settings_chart,
    threshold_chart,
)
from .charts import curves_chart, is_wide, results_chart, trials_chart
from .parallel_chart import parallel_chart
from .templating import name_in_words, shown
from .words import speaker, teller

HEALTHY = "No warnings: this run looks healthy."

Values = dict[str, Any]

# What a part may hold; a partial report lacks some of it, and the page then leaves it out.
_REPORT = dict.fromkeys(("title", "command", "created", "seed", "settings", "versions", "head", "seconds"))
_DATA = dict.fromkeys(("name", "inputs", "rows", "classes", "fingerprint", "test_openings", "notes", "columns"))
_EVALUATION = dict.fromkeys(("metric", "interval", "rows", "sentence", "mends", "breaks", "higher_is_better"))
_RESULT = dict.fromkeys(("name", "value", "low", "high", "winner"))
_SEARCH = dict.fromkeys(
    (
        "objective",
        "higher_is_better",
        "best_trial",
        "epochs_saved",
        "rank_correlation",
        "importance",
        "notes",
        "device",
        "one_epoch_then_best_three",
        "facts",
        "sentence",
    )
)
_EXPORT = dict.fromkeys(("path", "max_difference", "tolerance", "rows", "signatures", "proof"))
_ROW = dict.fromkeys(("row", "true", "answer", "confidence", "predicted", "label", "image", "values", "left_out"))
_ANSWERS: Values = {
    "mistakes": [],
    "calibration": None,
    "roc": "",
    "precision_recall": "",
    "pairs_chart": "",
    "residuals_chart": "",
    "residual_words": "",
    "coverage": [],
    "worst": [],
}
_INPUTS: Values = {"columns": [], "left_out": 0, "importance": [], "could_count": 0, "chart": ""}
_COLUMN = dict.fromkeys(("name", "kind", "missing", "range", "most", "used"))
# With more, what several members have in common is told once.
_MANY_FINDINGS = 6
_MOST_TRIALS = 20
_MOST_CLASSES = 20
# A page of fifty members has room for the layers of a few.
_MOST_LAYERS = 6
_OF_ALL = ("balanced_accuracy", "f1", "roc_auc", "pr_auc", "decision_threshold")


class Sections:
    """The values that the page of a report is rendered with.

    Args:
        report: The report in plain values, its long histories thinned.
        language: Of the page, `"en"` or `"ko"`.

    Raises:
        ValueError: Another language.

    Example:

    >>> Sections({"title": "digits"}).whole()["title"]
    'digits'
    """

    def __init__(self, report: Mapping[str, Any], language: str = "en") -> None:
        self.report: Values = {**_REPORT, **report}
        self.language, self.say, self.tell = language, speaker(language), teller(language)

    def whole(self) -> Values:
        """Every section."""
        report = self.report
        findings = self._findings()
        listed, evaluation = self._listed(findings), self._evaluation()
        return {
            "title": report["title"] or self.say("Training report"),
            "report": report,
            "data": {**_DATA, **report["data"]} if report.get("data") else {},
            "evaluation": evaluation,
            "answers": self._answers(),
            "inputs": self._inputs(),
            "beside": self._beside(),
            "export": self._export(),
            "search": self._search(),
            "findings": listed,
            "members": self._members(findings),
            "verdict": self._verdict(evaluation, listed),
            "healthy": HEALTHY,
        }

    def _shown(self, value: Any) -> str:
        return shown(value, self.say)

    # Findings ---------------------------------------------------------------------------------------------------------

    def _findings(self) -> list[Values]:
        """Every finding with its source and its number in the page: errors first, then as the run met them."""
        found = [self._finding(finding, None) for finding in self.report.get("checks") or []]
        for index, member in enumerate(self.report.get("members") or []):
            found += [self._finding(finding, index, member.get("name")) for finding in member.get("findings") or []]
        # Numbers in the order a reader should look; the list itself stays by source.
        order = sorted(found, key=lambda f: (LEVELS.index(f["level"]), f["member"] is not None, f["epoch"] or 0))
        # Of a page with many, what several members have in common bears one number.
        numbers: dict[Any, int] = {}
        for place, finding in enumerate(order):
            alike = finding["alike"] if len(order) > _MANY_FINDINGS and finding["member"] is not None else place
            finding["number"] = numbers.setdefault(alike, len(numbers) + 1)
        return found

    def _listed(self, findings: Iterable[Values]) -> list[Values]:
        """The findings as the page lists them: one for each number, with the members that have it."""
        groups: dict[int, list[Values]] = {}
        for finding in findings:
            groups.setdefault(finding["number"], []).append(finding)
        return [self._together(groups[number]) for number in sorted(groups)]

    def _together(self, alike: list[Values]) -> Values:
        first = min(alike, key=lambda finding: (finding["epoch"] or 0, finding["member"] or 0))
        if len(alike) == 1:
            return first
        where = "; ".join(dict.fromkeys(finding["where"] for finding in alike))
        return {**first, "where": where, "numbers_of": first["where"]}

    def _finding(self, finding: Values, member: int | None, name: Any = None) -> Values:
        epoch, symptom = finding.get("epoch"), finding["symptom"]
        where = [self.say("before training") if member is None else self.tell(self._shown(name))]
        where += [self.say("epoch {epoch}").format(epoch=epoch + 1)] if epoch is not None else []
        where += [
            f"{self.say(key)} {self._shown(finding[key])}" for key in ("step", "layer") if finding.get(key) is not None
        ]
        advice = [Advice(**one) for one in finding.get("advice") or []]
        code = dict.fromkeys(filter(None, map(cure_code, advice)))
        return {
            **self._finding_words(finding, advice),
            # A report of another version may know other levels.
            "level": finding["level"] if finding.get("level") in LEVELS else "info",
            "member": member,
            "epoch": epoch,
            "where": ", ".join(where),
            "numbers_of": None,
            "alike": (symptom, finding.get("level"), finding.get("layer"), tuple(one.sentence for one in advice)),
            "why": reason(symptom, self.language),
            # Epochs are counted from 1 in the page, and so in its evidence.
            "evidence": {
                name: value + 1 if name.endswith("epoch") and value is not None else value
                for name, value in (finding.get("evidence") or {}).items()
            },
            "code": "\n\n".join(code),
        }

    def _finding_words(self, finding: Values, advice: Sequence[Advice]) -> Values:
        symptom, causes = finding["symptom"], finding.get("causes") or []
        if self.language == "ko" and symptom in SYMPTOMS_KO:
            name, sentence = SYMPTOMS_KO[symptom]
            return {
                "symptom": name,
                "meaning": sentence,
                # What shows stands in English in the run; its numbers are the evidence below.
                "message": sentence,
                "causes": [CAUSES_KO.get(cause, name_in_words(cause)) for cause in causes],
                "advice": [advice_sentence_ko(one) for one in advice],
            }
        return {
            "symptom": name_in_words(symptom),
            "meaning": SYMPTOMS.get(symptom, ""),
            "message": finding.get("message") or "",
            "causes": [CAUSES.get(cause, name_in_words(cause)) for cause in causes],
            "advice": [name_in_words(one.sentence) for one in advice],
        }

    # Members ----------------------------------------------------------------------------------------------------------

    def _members(self, findings: Iterable[Values]) -> list[Values]:
        members = self.report.get("members") or []
        # One scale for all: a linear axis beside a logarithmic one is read wrong.
        wide = any(is_wide(_losses(member)) for member in members)
        found = []
        for index, member in enumerate(members):
            own = sorted((f for f in findings if f["member"] == index), key=lambda f: (f["epoch"] or 0, f["number"]))
            marks = [finding for finding in own if finding["epoch"] is not None]
            chart = curves_chart(member, self._metric(member), marks, f"curves-{index}", wide, self.say)
            layers = member.get("layers") if index < _MOST_LAYERS else None
            found.append(
                {
                    "name": member.get("name") or f"member {index}",
                    "facts": self._facts(member),
                    "chart": Markup(chart),
                    "layers": Markup(layers_chart(layers, f"layers-{index}", self.say) if layers else ""),
                    "shape": self._shape_in_words(member),
                    "findings": own,
                }
            )
        return found

    def _shape_in_words(self, member: Values) -> str:
        """The shape of a member's curves with its cure; empty where they have none."""
        try:
            return shape(_curves(member)).words(self.language)
        except ValueError:
            return ""

    def _metric(self, member: Values) -> str | None:
        """The key of the history that stands below the loss: a metric of the head, else one with a validation curve."""
        history = member.get("history") or {}
        asked = [name for name in (self.report.get("head") or {}).get("metrics") or [] if name in history]
        paired = [name for name in history if f"val_{name}" in history and name != "loss"]
        return next(iter(asked + paired), None)

    def _facts(self, member: Values) -> Values:
        best = member.get("best_epoch")
        facts = {
            "seed": member.get("seed"),
            "parameters": member.get("parameters"),
            "best epoch": None if best is None else best + 1,
            "epochs": self._epochs_in_words(member),
            **{f"validation {name_in_words(key)}": value for key, value in (member.get("validation") or {}).items()},
            "weight in the vote": member.get("chosen_weight"),
        }
        return {name: value for name, value in facts.items() if value is not None}

    def _epochs_in_words(self, member: Values) -> str | None:
        kept = member.get("epochs_shown")
        if not kept:
            return None
        words = self.say("{epochs}, of which {kept} are drawn and kept")
        return words.format(epochs=f"{member.get('epochs'):,}", kept=len(kept))

    # What was measured ------------------------------------------------------------------------------------------------

    @property
    def _names(self) -> list[str]:
        return [str(name) for name in (self.report.get("data") or {}).get("classes") or []]

    def _evaluation(self) -> Values:
        evaluation = self.report.get("evaluation") or {}
        if not evaluation:
            return {}
        results = [{**_RESULT, **result} for result in evaluation.get("results") or []]
        chart = Markup(results_chart({**evaluation, "results": self._told(results)}, say=self.say))
        by_class = self._class_by_class(evaluation.get("of_classes") or {})
        by_label = self._label_by_label(evaluation.get("of_labels") or {})
        return {
            "said": [],
            **_EVALUATION,
            **evaluation,
            "results": results,
            "chart": chart,
            "by_class": by_class or by_label,
        }

    def _told(self, results: Sequence[Values]) -> list[Values]:
        return [{**one, "name": self.tell(str(one["name"]))} if one.get("name") else one for one in results]

    def _class_by_class(self, scores: Values) -> Values:
        """What the winner makes of each class: the worst first where they are many, and then without the confusion."""
        rows = [{"name": self._class(k), **row} for k, row in enumerate(scores.get("classes") or [])]
        found = self._one_by_one(rows, scores, _OF_ALL)
        return {**found, "confusion": None if found["left_out"] else scores.get("confusion")} if found else {}

    def _label_by_label(self, scores: Values) -> Values:
        """What the winner makes of each label: the worst first where they are many."""
        words = self.say("label {number}")
        rows = [{"name": words.format(number=k), **row} for k, row in enumerate(scores.get("labels") or [])]
        found = self._one_by_one(rows, scores, ("micro_f1", "macro_f1"))
        return {**found, "labels": True} if found else {}

    def _one_by_one(self, rows: list[Values], scores: Values, of_all: Sequence[str]) -> Values:
        if not rows:
            return {}
        words = [
            f"{self.say(name.replace('_', ' '))} {scores[name]:.3f}" for name in of_all if scores.get(name) is not None
        ]
        many = len(rows) > _MOST_CLASSES
        kept = sorted(rows, key=lambda row: row["f1"])[:_MOST_CLASSES] if many else rows
        return {
            "rows": kept,
            "left_out": len(rows) - len(kept),
            "words": ", ".join(words),
            "labels": False,
            "confusion": None,
        }

    def _class(self, number: int) -> str:
        return self._names[number] if number < len(self._names) else str(number)

    def _answers(self) -> Values:
        answers = self.report.get("answers") or {}
        found = dict(_ANSWERS)
        found["mistakes"] = [self._mistake({**_ROW, **one}) for one in answers.get("mistakes") or []]
        if answers.get("calibration"):
            found["calibration"] = self._calibration(answers["calibration"])
        curves = answers.get("curves") or {}
        if curves:
            roc, both = curves["roc"], curves["precision_recall"]
            axes = ("false positive rate", "true positive rate")
            found["roc"] = Markup(
                threshold_chart(roc["false_positive_rate"], roc["true_positive_rate"], axes, "roc", self.say)
            )
            found["precision_recall"] = Markup(
                threshold_chart(both["recall"], both["precision"], ("recall", "precision"), "pr", self.say)
            )
        if answers.get("pairs"):
            found |= self._quantities(answers)
        return found

    def _mistake(self, one: Values) -> Values:
        confidence = f"{one['confidence']:.0%}" if one["confidence"] is not None else "\N{EN DASH}"
        if one["label"] is not None:
            yes = {1: self.say("yes"), 0: self.say("no")}
            label = self.say("label {number}").format(number=one["label"])
            return {
                **one, "confidence": confidence,
                "true": f"{label} {yes[one['true']]}", "answer": f"{label} {yes[one['answer']]}",
            }  # fmt: skip
        return {
            **one,
            "confidence": confidence,
            "true": self._class(one["true"]),
            "answer": self._class(one["answer"]),
        }

    def _calibration(self, found: Values) -> Values:
        numbers = {key: f"{found[key]:.4f}" for key in ("nll", "nll_at_temperature", "ece", "ece_at_temperature")}
        if not found.get("told", True):
            words = self.say(
                "The validation rows are too few, or answered too well, to fit a temperature. On the test rows the "
                "calibration error is {ece}, the NLL {nll}."
            )
        elif found["temperature"] == 1.0:
            words = self.say(
                "No temperature improves the NLL of the validation rows. On the test rows the calibration error is "
                "{ece}, the NLL {nll}."
            )
        else:
            words = self.say(
                "Temperature {temperature}, fitted on validation rows, takes the calibration error of the test rows "
                "from {ece} to {ece_at_temperature} and their NLL from {nll} to {nll_at_temperature}. The exported "
                "model answers without it; tw.calibrate puts it in."
            )
        told = words.format(temperature=f"{found['temperature']:.3f}", **numbers)
        return {"words": told, "chart": Markup(calibration_chart(found, self.say))}

    def _quantities(self, answers: Values) -> Values:
        off = answers["residuals"]
        words = self.say(
            "Half of the test rows are off by at most {median}, the worst by {largest}; predicted less true is {mean} "
            "on average."
        )
        return {
            "pairs_chart": Markup(pairs_chart(answers["pairs"], self.say)),
            "residuals_chart": Markup(residuals_chart(off, self.say)),
            "residual_words": words.format(
                median=self._shown(off["median_size"]), largest=self._shown(off["largest_size"]),
                mean=self._shown(off["mean"]),
            ),
            "worst": [{**_ROW, **one} for one in answers.get("worst") or []],
            "coverage": [
                {**one, "level": f"{one['level']:.0%}", "covered": f"{one['covered']:.0%}"}
                for one in answers.get("coverage") or []
            ],
        }  # fmt: skip

    def _inputs(self) -> Values:
        inputs = {**_INPUTS, **(self.report.get("inputs") or {})}
        counts = {one["name"]: one["loss"] for one in inputs["importance"]}
        columns = [{**_COLUMN, **one} for one in inputs["columns"]]
        return {
            **inputs,
            "columns": [
                {
                    **one,
                    "missing": "\N{EN DASH}" if one["missing"] is None else _share(one["missing"]),
                    "words": self._range(one),
                    "counts": self._shown(_rounded(counts.get(one["name"]))),
                }
                for one in columns
            ],
            "chart": Markup(importance_chart(inputs["importance"], self.say) if inputs["importance"] else ""),
            "looked_at": self._looked_at(len(inputs["importance"]), inputs["could_count"]),
        }

    def _looked_at(self, some: int, count: int) -> str:
        if some >= count:
            return ""
        words = self.say("{some} of {count} columns, drawn by the seed, were shuffled: the others may be as important.")
        return words.format(some=f"{some:,}", count=f"{count:,}")

    def _range(self, column: Values) -> str:
        if column["range"] is not None:
            low, high = map(self._shown, column["range"])
            return self.say("{low} to {high}").format(low=low, high=high)
        if column["most"] is not None:
            words = self.say("{word} ({share}), {different} different")
            most = column["most"]
            return words.format(word=most["word"], share=_share(most["share"]), different=f"{most['different']:,}")
        return "\N{EN DASH}"

    def _beside(self) -> Values:
        beside = self.report.get("beside") or {}
        results = [{**_RESULT, "seconds": None, "note": "", **result} for result in beside.get("results") or []]
        return {"metric": None, "sentence": "", **beside, "results": results}

    def _export(self) -> Values:
        export = self.report.get("export") or {}
        if not export:
            return {}
        found: Values = {**_EXPORT, **export}
        difference, tolerance, rows = found["max_difference"], found["tolerance"], found["rows"]
        within = None if difference is None or tolerance is None else difference <= tolerance
        return {**found, "within": within, "words": self._difference(difference, tolerance, rows, within)}

    def _difference(self, difference: Any, tolerance: Any, rows: Any, within: bool | None) -> str:
        if rows is None:
            head = self.say("Largest difference from the trained model: {difference}")
        else:
            head = self.say("Largest difference from the trained model over {rows} rows: {difference}")
        words = head.format(difference=self._shown(difference), rows=self._shown(rows))
        if within is None:
            return f"{words}."
        end = (
            self.say("within the tolerance of {tolerance}") if within else self.say("over the tolerance of {tolerance}")
        )
        return f"{words}, {end.format(tolerance=self._shown(tolerance))}."

    # The search -------------------------------------------------------------------------------------------------------

    def _search(self) -> Values:
        search = self.report.get("search") or {}
        if not search:
            return {}
        names = search.get("hyperparameters") or []
        whole = search.get("leaderboard") or {}
        board = _with_architectures(whole, names)
        # A column that is empty for all trials only costs width.
        columns = {name: column for name, column in board.items() if any(value not in (None, "") for value in column)}
        if "findings" in columns:
            columns["findings"] = [name_in_words(symptoms) for symptoms in columns["findings"]]
        rows = [list(row) for row in zip(*columns.values(), strict=True)]
        objective, higher = str(search.get("objective") or "objective"), bool(search.get("higher_is_better"))
        # JSON knows keys that are texts only; a report that was not read from a file has them so too.
        curves, best = search.get("curves") or {}, str(search.get("best_trial"))
        numbers = [all(value is None or _is_number(value) for value in column) for column in columns.values()]
        settings = {name: whole[name] for name in (*names, "learning_rate", "momentum") if name in whole}
        return {
            **_SEARCH,
            **search,
            "objective": objective,
            "chart": Markup(trials_chart(curves, best, objective, higher, say=self.say)),
            "settings_chart": Markup(settings_chart(settings, whole.get(objective) or [], objective, self.say)),
            "parallel_chart": Markup(self._lines_of(settings, whole, objective, search.get("logarithmic"))),
            "words": self._search_words({**_SEARCH, **search}, objective, len(rows)),
            "ended": self._ended(whole),
            "columns": list(columns),
            "rows": rows[:_MOST_TRIALS],
            "numbers": numbers,
            "more": max(0, len(rows) - _MOST_TRIALS),
            "importance": _shares(search.get("importance") or {}),
        }

    def _lines_of(self, settings: Values, board: Values, objective: str, logarithmic: Sequence[str] | None) -> str:
        return parallel_chart(
            settings, board.get(objective) or [], board.get("status") or [], objective,
            trials=board.get("trial") or (), logarithmic=logarithmic, say=self.say,
        )  # fmt: skip

    def _search_words(self, search: Values, objective: str, trials: int) -> str:
        say = self.say
        count = say("1 trial") if trials == 1 else say("{count} trials").format(count=f"{trials:,}")
        parts = [
            say(
                "{trials}, ranked by {objective} at the best epoch of each; the best of many such scores is a little "
                "too good, only test rows are fair."
            ).format(trials=count, objective=objective)
        ]
        if search["epochs_saved"] is not None:
            saved = round(100 * search["epochs_saved"])
            parts.append(say("Stopping spared {saved} % of the epochs.").format(saved=saved))
        if search["rank_correlation"] is not None:
            words = say("Scores after one epoch rank as the final ones with correlation {value}.")
            parts.append(words.format(value=self._shown(search["rank_correlation"])))
        if search["one_epoch_then_best_three"]:
            other = search["one_epoch_then_best_three"]
            words = say(
                "One epoch for all and then the best three would have spared {saved} % and missed the best score by "
                "{regret}, as far as these curves go."
            )
            parts.append(words.format(saved=round(100 * other["saved"]), regret=self._shown(other["regret"])))
        return " ".join(parts)

    def _ended(self, board: Values) -> Values:
        """How many trials ended how, and the epochs that stopping saved."""
        # A reason stands behind the word: `stopped: median`.
        counts = Counter(str(status).split(":")[0] for status in board.get("status") or [])
        saved = [value for value in board.get("epochs_saved") or [] if _is_number(value)]
        trained = [value for value in board.get("epochs") or [] if _is_number(value)]
        facts: Values = dict(counts)
        facts |= {"epochs trained": sum(trained)} if trained else {}
        return facts | ({"epochs saved": sum(saved)} if saved else {})

    # The verdict ------------------------------------------------------------------------------------------------------

    def _verdict(self, evaluation: Values, findings: Iterable[Values]) -> Values:
        counts = Counter(finding["level"] for finding in findings)
        levels = [level for level in ("error", "warning") if counts[level]]
        told = [
            self.say(f"1 {level}")
            if counts[level] == 1
            else self.say(f"{{count}} {level}s").format(count=counts[level])
            for level in levels
        ]
        return {
            "level": next(iter(levels), "healthy"),
            "status": ", ".join(told),
            "trained": self._trained(),
            "winner": next((result for result in evaluation.get("results", []) if result["winner"]), None),
        }

    def _trained(self) -> str:
        """What was trained, in one sentence; empty where nothing was."""
        report, say = self.report, self.say
        members = len(report.get("members") or [])
        trials = len(((report.get("search") or {}).get("leaderboard") or {}).get("trial") or [])
        if not members and not trials:
            return ""
        architecture = (report.get("settings") or {}).get("architecture")
        task = (report.get("head") or {}).get("task")
        data = report.get("data") or {}
        rows = (data.get("rows") or {}).get("train")
        count, what = (trials, "architecture") if trials else (members, "model")
        tail = " in a search" if trials else ""
        one, many = f"1 {what}{tail}", f"{{count}} {what}s{tail}"
        parts = [say(one) if count == 1 else say(many).format(count=count)]
        parts += [say("({architecture})").format(architecture=architecture)] if architecture else []
        parts += [say("for a {task} task").format(task=say(name_in_words(task)))] if task else []
        parts += [say("on {name}").format(name=data["name"])] if data.get("name") else []
        parts += [say("with {rows} training rows").format(rows=f"{rows:,}")] if isinstance(rows, int) else []
        return say("Trained {parts}.").format(parts=" ".join(parts))


def _curves(member: Mapping[str, Any]) -> dict[str, list[float]]:
    # JSON has no NaN.
    return {
        name: [math.nan if value is None else value for value in values]
        for name, values in (member.get("history") or {}).items()
        if isinstance(values, list) and all(value is None or _is_number(value) for value in values)
    }


def _losses(member: Mapping[str, Any]) -> np.ndarray:
    curves = _curves(member)
    return np.array([*curves.get("loss", []), *curves.get("val_loss", [])], dtype="float64")


def _with_architectures(board: Values, names: Sequence[str]) -> Values:
    """The leaderboard with the hyperparameters of a trial in one column, which may be broken into lines."""
    inside = [name for name in names if name in board]
    rows = [
        ", ".join(
            f"{name_in_words(name)} {shown(board[name][place])}" for name in inside if board[name][place] is not None
        )
        for place in range(len(next(iter(board.values()), [])))
    ]
    found: Values = {}
    for name, column in board.items():
        if name not in inside:
            found[name] = column
        elif "architecture" not in found:
            found["architecture"] = rows
    return found


def _shares(importance: Mapping[str, float]) -> Values:
    return {name: _share(share) for name, share in importance.items()}


def _share(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 or share == 0 else "below 1%"


def _rounded(value: float | None) -> float | None:
    # A shuffled column that counts nothing loses 1e-17.
    return None if value is None else round(value, 4) + 0.0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
