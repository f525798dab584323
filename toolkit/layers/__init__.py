"""Keras layers of trainwise."""

from .augmentation import SwapNoise as SwapNoise
from .augmentation import TimeMasking as TimeMasking
from .decision_trees import DecisionTrees as DecisionTrees
from .dropout_sampling import DropoutSampling as DropoutSampling
from .folded import Folded as Folded
from .folded import Merged as Merged
from .folded import Unrolled as Unrolled
from .normalization import MinMax as MinMax
from .normalization import Robust as Robust
from .normalization import Standardize as Standardize
from .padding import PaddingMask as PaddingMask
from .stacked import Stacked as Stacked
from .stacked_convolution import StackedConv1D as StackedConv1D
from .stacked_convolution import StackedConv2D as StackedConv2D
from .stacked_convolution import StackedDepthwiseConv2D as StackedDepthwiseConv2D
from .stacked_dense import StackedDense as StackedDense
from .stacked_dense import StackedDropout as StackedDropout
from .stacked_dense import StackedEmbedding as StackedEmbedding
from .stacked_normalization import StackedBatchNormalization as StackedBatchNormalization
from .stacked_normalization import StackedLayerNormalization as StackedLayerNormalization
from .stacked_recurrent import StackedBidirectional as StackedBidirectional
from .stacked_recurrent import StackedGRU as StackedGRU
from .stacked_recurrent import StackedLSTM as StackedLSTM
from .stacked_recurrent import StackedSimpleRNN as StackedSimpleRNN
from .table_encoding import CategoryEncoding as CategoryEncoding
from .table_encoding import CategoryNumbers as CategoryNumbers
from .table_encoding import DateEncoding as DateEncoding
from .table_encoding import NumberEncoding as NumberEncoding
from .voting import HardVoting as HardVoting
from .voting import SoftVoting as SoftVoting

__all__ = [
    "CategoryEncoding",
    "CategoryNumbers",
    "DateEncoding",
    "DecisionTrees",
    "DropoutSampling",
    "Folded",
    "HardVoting",
    "Merged",
    "MinMax",
    "NumberEncoding",
    "PaddingMask",
    "Robust",
    "SoftVoting",
    "Stacked",
    "StackedBatchNormalization",
    "StackedBidirectional",
    "StackedConv1D",
    "StackedConv2D",
    "StackedDense",
    "StackedDepthwiseConv2D",
    "StackedDropout",
    "StackedEmbedding",
    "StackedGRU",
    "StackedLSTM",
    "StackedLayerNormalization",
    "StackedSimpleRNN",
    "Standardize",
    "SwapNoise",
    "TimeMasking",
    "Unrolled",
]
