"""Spaces of architectures for KerasTuner: MLPs, CNNs and recurrent networks, for any task."""

from .cnn import CNN as CNN
from .mlp import MLP as MLP
from .rnn import RNN as RNN
