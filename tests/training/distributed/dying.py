"""A method for `torchrun`: its second process ends in its second epoch, as the environment says how.

Every epoch before has a checkpoint.
"""

import os
import signal

from noisewise.errors import BadInput
from noisewise.methods.targets.elr import ELR
from noisewise.training import MethodCard, resume

resume.CHECKPOINT_SECONDS = 0.0


class Dying(ELR):
    """ELR until then. DYING is "kill", "raise" or nothing."""

    card = MethodCard("dying", "It ends.", "-", 2026)

    def observe(self, batch):
        super().observe(batch)
        if os.environ.get("RANK") == "1" and batch.clock.epoch == 1:
            if os.environ.get("DYING") == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if os.environ.get("DYING") == "raise":
                raise BadInput("this disk is full")
