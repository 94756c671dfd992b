"""What huang2016 states, and how its experiments are named here."""

from __future__ import annotations

ENCODER, RD, SHUFFLED, RECURRENT = "huang_encoder", "huang_rd", "huang_rd_shuffled", "huang_recurrent"
STEP = "huang_rd_step"
WIDE, LOGISTIC = "huang_wide", "huang_logistic"
PENALTIES = {"l1": "huang_l1", "l2": "huang_l2", "dropout": "huang_dropout"}
TUNED = [1.0, 2.0, 5.0, 10.0, 20.0, 37.0, 75.0, 100.0]  # eight trade-offs against eight values of each penalty
BETA = 37.0  # the published trade-off
MARGIN = 2.0  # points of UA
PUBLISHED = {"encoder": 52.86, "rate_distortion": 52.54}
CEILING = 0.98  # of S(K): a ratio above it says nothing
RISING = 10.0  # trade-off beyond which UA is a plateau
CONTROL = "the same networks on shuffled labels"
STEP_ONLY = "β scales the step alone: the rate has no gradient"
