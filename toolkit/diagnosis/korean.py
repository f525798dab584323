"""The catalogues in Korean."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LEVELS_KO: Mapping[str, str] = MappingProxyType({"error": "오류", "warning": "경고", "info": "참고"})

SYMPTOMS_KO: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "learning_rate_too_low": (
            "학습률이 너무 낮음",
            "손실이 직선으로 줄어듭니다. 한 번의 갱신이 가중치를 너무 적게 움직입니다.",
        ),
        "learning_rate_too_high": (
            "학습률이 너무 높음",
            "손실이 튀거나, 떨어진 뒤 높은 곳에 머뭅니다. 갱신 폭이 너무 큽니다.",
        ),
        "oscillating": ("진동", "손실이 배치 잡음보다 크게 오르내립니다."),
        "diverging": ("발산", "손실이 끝없이 커집니다."),
        "non_finite": ("유한하지 않은 값", "손실이나 가중치가 NaN 또는 무한대입니다."),
        "not_learning": ("학습되지 않음", "항상 같은 값을 답하는 모델보다 나을 것이 없습니다."),
        "plateau": ("정체", "손실이 더는 줄지 않지만, 도달할 수 있는 수준보다 높습니다."),
        "still_improving": ("아직 개선 중", "손실이 줄어드는 도중에 에포크가 끝났습니다."),
        "overfitting": ("과적합", "훈련 데이터에서는 좋아지는데 검증 데이터에서는 나빠집니다."),
        "underfitting": ("과소적합", "더 단순한 모델이 이르는 수준에서 학습이 멈췄습니다."),
        "validation_mismatch": ("검증 데이터 불일치", "첫 에포크부터 검증 데이터의 결과가 훨씬 나쁩니다."),
        "vanishing_gradient": ("기울기 소실", "앞쪽 층의 기울기가 뒤쪽 층에 비해 거의 없습니다."),
        "exploding_gradient": ("기울기 폭발", "기울기가 평소 크기보다 훨씬 커졌습니다."),
        "dead_relu": ("죽은 ReLU", "ReLU 유닛들이 모든 입력에 0을 답합니다."),
        "saturated_activation": ("포화된 활성화", "시그모이드, tanh, ELU의 출력이 활성화가 평평한 곳에 몰려 있습니다."),
        "unchanged_weights": ("변하지 않는 가중치", "학습되어야 할 가중치가 움직이지 않았습니다."),
        "unequal_update_ratio": ("고르지 않은 갱신", "층마다 가중치에 대한 갱신의 비율이 크게 다릅니다."),
        "constant_output": ("변하지 않는 출력", "모델이 모든 행에 같은 값을 답합니다."),
        "symmetric_weights": ("대칭 가중치", "한 층의 유닛들이 같은 값에서 시작하여 계속 같습니다."),
        "regularizer_dominates": ("지나친 규제", "가중치에 대한 벌점이 데이터의 손실보다 큽니다."),
        "wrong_loss": ("맞지 않는 손실 함수", "손실 함수가 과제나 레이블에 맞지 않습니다."),
        "wrong_output_activation": ("맞지 않는 출력 활성화", "출력 활성화가 손실 함수나 목표값에 맞지 않습니다."),
        "output_units": ("출력 유닛 수", "출력 유닛의 수가 레이블과 맞지 않습니다."),
        "label_range": ("레이블의 범위", "레이블이 손실 함수가 받는 범위를 벗어납니다."),
        "label_shape": ("레이블의 형태", "레이블의 형태가 손실 함수에 맞지 않습니다."),
        "unscaled_inputs": (
            "정규화되지 않은 입력",
            "입력의 크기가 매우 크거나 고르지 않은데 정규화하는 층이 없습니다.",
        ),
        "unscaled_targets": ("정규화되지 않은 목표값", "회귀의 목표값이 매우 큰데 크기를 맞추는 것이 없습니다."),
        "non_finite_data": ("데이터의 NaN", "데이터에 NaN이나 무한대가 있습니다."),
        "class_imbalance": ("클래스 불균형", "한 클래스의 행이 다른 클래스보다 훨씬 많습니다."),
        "shared_rows": ("겹치는 행", "검증 행이 훈련 행에도 들어 있습니다."),
        "unadapted_normalization": ("통계가 없는 정규화 층", "정규화 층이 아직 데이터의 통계를 배우지 않았습니다."),
        "input_shape": ("입력의 형태", "입력의 개수나 형태가 모델이 받는 것과 다릅니다."),
        "not_judged": ("판단하지 않음", "일부는 살펴볼 수 없어 판단하지 않았습니다."),
        "poor_initialization": ("나쁜 초기 가중치", "시작 가중치 때문에 손실이 상수 예측보다 훨씬 나쁩니다."),
    }
)

CAUSES_KO: Mapping[str, str] = MappingProxyType(
    {
        "lr_too_low": "학습률이 너무 낮습니다.",
        "optimizer_too_slow": "이 문제에는 옵티마이저가 너무 느립니다.",
        "too_few_epochs": "학습이 너무 일찍 끝납니다.",
        "batch_too_large_for_budget": "배치가 커서 갱신 횟수가 너무 적습니다.",
        "lr_too_high": "학습률이 너무 높습니다.",
        "batch_too_small": "배치가 작아서 기울기가 거의 잡음입니다.",
        "input_not_normalized": "입력이 정규화되지 않았습니다.",
        "target_not_normalized": "목표값이 정규화되지 않았습니다.",
        "optimizer_unsuited": "옵티마이저가 이 문제에 맞지 않습니다.",
        "exploding_gradient": "기울기가 폭발합니다.",
        "large_init": "시작 가중치가 너무 큽니다.",
        "wrong_output_activation": "출력 활성화가 과제에 맞지 않습니다.",
        "single_unit_softmax": "유닛이 하나인 소프트맥스는 항상 1입니다.",
        "relu_output_regression": "ReLU 출력은 음수 목표값을 답할 수 없습니다.",
        "sigmoid_output_regression": "시그모이드 출력은 0과 1 밖의 목표값을 답할 수 없습니다.",
        "relu_output_with_bce": "ReLU 출력은 이진 교차 엔트로피에 필요한 확률이 아닙니다.",
        "relu_output_with_cce": "ReLU 출력은 범주형 교차 엔트로피에 필요한 확률이 아닙니다.",
        "sigmoid_with_cce": "시그모이드 출력의 합은 1이 아닌데, 범주형 교차 엔트로피는 1을 기대합니다.",
        "linear_output_with_ce": "선형 출력은 확률이 아닌데, 손실 함수에 `from_logits=True`가 없습니다.",
        "softmax_for_multilabel": "소프트맥스는 여러 레이블 가운데 하나만 참이 되게 합니다.",
        "redundant_softmax": "소프트맥스를 이미 적용하는 손실 앞에 소프트맥스가 또 있습니다.",
        "missing_normalization_layer": "정규화 층이 없습니다.",
        "wrong_loss": "손실 함수가 과제에 맞지 않습니다.",
        "sigmoid_with_mse": "시그모이드에 평균 제곱 오차를 쓰면 포화된 곳에서 학습이 멈춥니다.",
        "softmax_with_mse": "소프트맥스에 평균 제곱 오차를 쓰면 포화된 곳에서 학습이 멈춥니다.",
        "labels_outside_loss_range": "레이블이 손실 함수의 범위를 벗어납니다.",
        "output_units_mismatch": "출력 유닛의 수가 레이블과 다릅니다.",
        "labels_shape_mismatch": "레이블의 형태가 손실 함수와 다릅니다.",
        "dying_relu": "ReLU 유닛이 죽었습니다.",
        "bad_init_for_relu": "초기화 방법이 ReLU에 맞지 않습니다.",
        "bad_init": "시작 가중치가 나쁩니다.",
        "constant_init": "시작 가중치가 모두 같습니다.",
        "tiny_init": "시작 가중치가 너무 작습니다.",
        "too_deep": "신경망이 이대로 학습하기에는 너무 깊습니다.",
        "too_deep_narrow_relu": "ReLU 신경망이 너무 깊고 좁습니다.",
        "vanishing_gradient": "기울기가 사라집니다.",
        "wrong_hidden_activation": "은닉층의 활성화가 맞지 않습니다.",
        "capacity_too_small": "신경망이 이 문제에 비해 너무 작습니다.",
        "missing_hidden_activation": "은닉층에 활성화가 없습니다.",
        "over_regularized": "규제가 너무 강합니다.",
        "overfitting": "신경망이 훈련 행을 외웁니다.",
        "missing_regularization": "규제가 전혀 없습니다.",
        "labels_corrupted": "레이블이 잘못되었습니다.",
        "labels_shuffled": "레이블이 다른 행의 것입니다.",
        "labels_scaled": "클래스 레이블을 입력처럼 나누었습니다.",
        "train_val_leakage": "검증 행이 훈련 행에 들어 있습니다.",
        "val_not_preprocessed": "검증 행의 전처리가 다릅니다.",
        "train_val_mismatch": "훈련 행과 검증 행의 출처가 다릅니다.",
        "class_imbalance": "클래스의 크기가 매우 다릅니다.",
        "nan_in_inputs": "입력에 NaN이 있습니다.",
    }
)

ADVICE_KO: Mapping[str, str] = MappingProxyType(
    {
        "learning_rate": "학습률",
        "epochs": "에포크 수",
        "batch_size": "배치 크기",
        "clipnorm": "기울기 자르기(clipnorm)",
        "activation": "활성화",
        "output_activation": "출력 활성화",
        "loss": "손실 함수",
        "units": "유닛 수",
        "layers": "층 수",
        "kernel_initializer": "초기화",
        "bias_initializer": "편향 초기화",
        "dropout": "드롭아웃",
        "weight_decay": "가중치 감쇠",
        "regularization": "규제",
        "normalization": "입력 정규화",
        "batch_normalization": "배치 정규화",
        "class_weight": "클래스 가중치",
        "optimizer": "옵티마이저",
        "labels": "레이블",
        "targets": "목표값",
        "rows": "행",
        "validation rows": "검증 행",
        "dead_units": "죽은 유닛",
        "trainable": "trainable",
    }
)

CHANGES_KO: Mapping[str, str] = MappingProxyType(
    {
        "raise": "{parameter} {value}배로 올리기",
        "lower": "{parameter} {value}분의 1로 내리기",
        "set": "{parameter} {value}(으)로 바꾸기",
        "add": "{parameter} 추가하기",
        "drop or fill in": "{parameter} 빼거나 채우기",
        "start again": "{parameter} 다시 초기화하기 ({value})",
        "look at": "{parameter} 살펴보기",
        "compare with their inputs": "{parameter}와(과) 입력의 짝 확인하기",
        "number from 0": "{parameter} 0부터 번호 매기기",
        "standardize": "{parameter} 표준화하기",
        "prepare like the training rows": "{parameter} 훈련 행과 똑같이 전처리하기",
        "split again without duplicates": "{parameter} 중복 없이 다시 나누기",
        "add to the small classes": "작은 클래스의 {parameter} 늘리기",
        "call": "{parameter}({value}) 호출하기",
    }
)
