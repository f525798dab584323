"""The catalogues of symptoms and causes."""

from trainwise.toolkit.diagnosis.catalogue import CAUSES, SYMPTOMS


def test_the_catalogues_hold_the_agreed_names_with_a_sentence_each():
    agreed = """
        learning_rate_too_low learning_rate_too_high oscillating diverging non_finite not_learning plateau
        still_improving overfitting underfitting validation_mismatch vanishing_gradient exploding_gradient dead_relu
        saturated_activation unchanged_weights unequal_update_ratio constant_output symmetric_weights
        regularizer_dominates wrong_loss wrong_output_activation output_units label_range label_shape unscaled_inputs
        unscaled_targets non_finite_data class_imbalance shared_rows unadapted_normalization poor_initialization
    """
    assert set(SYMPTOMS) == {*agreed.split(), "input_shape", "not_judged"}
    assert all(text.endswith(".") for text in (*SYMPTOMS.values(), *CAUSES.values()))
