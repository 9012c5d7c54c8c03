"""How good a model is, what its probabilities mean, and what may be promised.  Values in, values out; numpy only."""

from catalens.evaluate.evaluation import EvaluateSettings, Evaluation, run
from catalens.evaluate.outcomes import Outcomes

__all__ = ["EvaluateSettings", "Evaluation", "Outcomes", "run"]
