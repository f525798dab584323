"""Findings in words: what shows, what to do and why, in English and Korean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from ..checks import one_of
from .catalogue import CAUSES
from .korean import ADVICE_KO, CAUSES_KO, CHANGES_KO, LEVELS_KO, REASONS_KO, SYMPTOMS_KO

LANGUAGES = ("en", "ko")

_NOTES = "Stanford CS231n, notes 3"
_GLOROT = "Glorot and Bengio 2010"
_KARPATHY = "Karpathy 2019, A recipe for training neural networks"
_PLAYBOOK = "Godbole et al. 2023, Deep learning tuning playbook"
_BOOK = "Goodfellow et al. 2016, Deep Learning"

# Why the advice helps, in a sentence, with where to read on.
REASONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "learning_rate_too_low": (
            "Small steps move a loss along a line; larger ones let it bend to its floor.",
            _NOTES,
        ),
        "learning_rate_too_high": ("Steps longer than the valley is wide throw the weights up its sides.", _NOTES),
        "oscillating": ("The gradient of few rows is noisy, and a long step follows the noise.", _PLAYBOOK),
        "diverging": ("Each step overshoots by more than the last one.", _NOTES),
        "non_finite": ("One value that is no number makes every weight it meets one, too.", _PLAYBOOK),
        "not_learning": ("Without the inputs the best answer is constant, so the inputs are not used.", _KARPATHY),
        "plateau": ("A lower rate can follow a valley that a high one jumps across.", _NOTES),
        "still_improving": ("Where the loss still falls, more epochs bring it down further.", _PLAYBOOK),
        "overfitting": ("Weights that fit the noise of the training rows fit no others.", _BOOK),
        "underfitting": ("What a simpler model can, this one cannot yet.", _BOOK),
        "validation_mismatch": ("Rows that were prepared otherwise ask a question that was never trained.", _KARPATHY),
        "vanishing_gradient": ("A product of many factors below one is next to nothing.", _GLOROT),
        "exploding_gradient": ("A product of many factors above one grows without bound.", "Pascanu et al. 2013"),
        "dead_relu": ("Where a ReLU outputs zero for every row, no gradient reaches its weights.", "Lu et al. 2019"),
        "saturated_activation": ("At the ends of a sigmoid or tanh the slope is next to nothing.", _GLOROT),
        "unchanged_weights": ("Weights that do not move keep what chance gave them.", _KARPATHY),
        "unequal_update_ratio": ("Layers learn together only where they move at a like pace.", "You et al. 2017, LARS"),
        "constant_output": ("The answers do not depend on the inputs any more.", _KARPATHY),
        "symmetric_weights": ("Units with equal weights get equal gradients, and stay equal.", _BOOK),
        "regularizer_dominates": ("Shrinking the weights lowers the loss more than learning does.", _BOOK),
        "wrong_loss": ("The loss decides what is learnt, so it must say what is wanted.", _BOOK),
        "wrong_output_activation": ("The last activation decides which answers are possible.", _BOOK),
        "output_units": ("Each label needs a unit to answer it.", _BOOK),
        "label_range": ("The loss is defined for its range of labels alone.", _BOOK),
        "label_shape": ("Class numbers and one-hot rows need different losses.", "Keras, probabilistic losses"),
        "unscaled_inputs": ("Large inputs make some directions far steeper than others.", "LeCun et al. 1998"),
        "unscaled_targets": ("The gradient grows with the targets.", "LeCun et al. 1998"),
        "non_finite_data": ("One value that is no number makes every weight it meets one, too.", _KARPATHY),
        "class_imbalance": ("Always answering the large class is right most of the time.", "He and Garcia 2009"),
        "shared_rows": ("Rows that were trained on do not show what new rows will bring.", "Kapoor and Narayanan 2023"),
        "unadapted_normalization": ("Without statistics there is nothing to normalise by.", "Keras, Normalization"),
        "input_shape": ("A model can only take what its layers were made for.", "Keras, The Functional API"),
        "not_judged": ("Silence would be taken for health.", _KARPATHY),
        "poor_initialization": ("Signals keep their size only where weights start at the right one.", _GLOROT),
    }
)


# Protocols, for `Finding` says itself in these words: importing it here would be a circle.
class AdviceLike(Protocol):
    """What is said of an advice."""

    @property
    def parameter(self) -> str: ...

    @property
    def change(self) -> str: ...

    @property
    def value(self) -> float | str | None: ...

    @property
    def to(self) -> float | None: ...


class FindingLike(Protocol):
    """What is said of a finding; `findings.py` stands on this file, and not the other way round."""

    @property
    def symptom(self) -> str: ...

    @property
    def level(self) -> str: ...

    @property
    def message(self) -> str: ...

    @property
    def epoch(self) -> int | None: ...

    @property
    def layer(self) -> str | None: ...

    @property
    def evidence(self) -> Mapping[str, float]: ...

    @property
    def causes(self) -> Sequence[str]: ...

    @property
    def advice(self) -> Sequence[AdviceLike]: ...


def words(finding: FindingLike, language: str = "en") -> str:
    """A finding in words: level, symptom, what shows, what to do and why.

    Args:
        finding: What to say.
        language: `"en"` or `"ko"`. The names of symptoms and parameters stay as they are in code.

    Raises:
        ValueError: `language` is another one.

    Example:

    >>> from trainwise.toolkit.diagnosis.findings import Finding
    >>> print(words(Finding("overfitting", "info", "It learns by heart.", epoch=1), "ko").split(":")[0])
    참고
    """
    one_of("language", language, LANGUAGES)
    return _korean(finding) if language == "ko" else f"{finding_sentence(finding)} Why: {reason(finding.symptom)}"


def finding_sentence(finding: FindingLike) -> str:
    """Level, symptom, what shows and what to do, in English: a finding as `str` gives it."""
    where = "" if finding.epoch is None else f" (epoch {finding.epoch + 1})"
    cure = f" Cure: {', or '.join(map(advice_sentence, finding.advice))}." if finding.advice else ""
    return f"{finding.level}: {finding.symptom}{where}: {finding.message}{cure}"


def advice_sentence(advice: AdviceLike) -> str:
    """An advice in English, in the imperative.

    Example:

    >>> from trainwise.toolkit.diagnosis.findings import Advice
    >>> advice_sentence(Advice("epochs", "set", 7))
    'set epochs to 7'
    """
    if advice.value is None:
        return f"{advice.change} {advice.parameter}"
    if advice.change in ("raise", "lower") and not isinstance(advice.value, str):
        if advice.parameter == "layers" and advice.change == "lower":
            return f"divide the number of layers by {advice.value:g}"
        # Not as a power of ten: 1e+06 times means nothing to most.
        times = f"{advice.value:,.0f}" if advice.value >= 1000 else f"{advice.value:g}"
        end = "" if advice.to is None else f", to {advice.to:g}"
        return f"{advice.change} {advice.parameter} {times} times{end}"
    return f"{advice.change} {advice.parameter} to {advice.value}"


def reason(symptom: str, language: str = "en") -> str:
    """Why the advice against a symptom helps, and where to read on; empty for a symptom that is not known.

    Args:
        symptom: Name of a symptom.
        language: `"en"` or `"ko"`. Sources stay in the language they are written in.

    Raises:
        ValueError: `language` is another one.

    Example:

    >>> reason("plateau")
    'A lower rate can follow a valley that a high one jumps across (Stanford CS231n, notes 3).'
    """
    why, reference = REASONS.get(symptom, ("", ""))
    if one_of("language", language, LANGUAGES) == "ko":
        why = REASONS_KO.get(symptom, "")
    return f"{why.rstrip('.')} ({reference})." if why else ""


def _korean(finding: FindingLike) -> str:
    name, sentence = SYMPTOMS_KO[finding.symptom]
    where = "" if finding.epoch is None else f" ({finding.epoch + 1}번째 에포크)"
    layer = "" if finding.layer is None else f" 층: {finding.layer}."
    numbers = ", ".join(f"{key}={value:.4g}" for key, value in finding.evidence.items())
    evidence = f" 근거: {numbers}." if numbers else ""
    cause = f" 가장 유력한 원인: {CAUSES_KO[finding.causes[0]]}" if finding.causes else ""
    cure = f" 처방: {' 또는 '.join(advice_sentence_ko(advice) for advice in finding.advice)}." if finding.advice else ""
    told = f"{LEVELS_KO[finding.level]}: {name} ({finding.symptom}){where}: {sentence}{layer}{evidence}{cause}{cure}"
    return f"{told} 이유: {reason(finding.symptom, 'ko')}"


def advice_sentence_ko(advice: AdviceLike) -> str:
    """An advice in Korean.

    Example:

    >>> from trainwise.toolkit.diagnosis.findings import Advice
    >>> "7" in advice_sentence_ko(Advice("epochs", "set", 7))
    True
    """
    parameter = ADVICE_KO.get(advice.parameter, advice.parameter)
    value = "" if advice.value is None else f"{advice.value:g}" if not isinstance(advice.value, str) else advice.value
    change = CHANGES_KO.get(advice.change, "{parameter}: {value}")
    if advice.value is None:
        # Raised or lowered, by no factor that is known.
        change = {"raise": "{parameter} 올리기", "lower": "{parameter} 내리기"}.get(advice.change, change)
    told = change.format(parameter=parameter, value=value).strip()
    return told if advice.to is None else f"{told} ({advice.to:g})"


def causes_in_words(finding: FindingLike, language: str = "en") -> list[str]:
    """The causes of a finding as sentences, most likely first.

    Example:

    >>> from trainwise.toolkit.diagnosis.findings import Finding
    >>> causes_in_words(Finding("diverging", "error", "It grows.", causes=("lr_too_high",)))
    ['The learning rate is too high.']
    """
    table = CAUSES_KO if one_of("language", language, LANGUAGES) == "ko" else CAUSES
    return [table[cause] for cause in finding.causes]
