"""How good a model is, what its probabilities mean, and what may be promised.  Values in, values out; numpy only."""

from catalens.evaluate.evaluation import Evaluation, Outcomes, run

__all__ = ["Evaluation", "Outcomes", "run"]
