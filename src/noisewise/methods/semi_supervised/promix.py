"""ProMix (Wang et al., IJCAI 2023, arXiv 2207.10276), the algorithm of its section 3.

    D_l: the n rho / K smallest losses of every given class, and rows with p_y > tau        selection
    y <- given label in D_l;  y <- sharpen(softmax(z - a log pi_u)) outside                 debiased guesses
    l_y(z, pi) = CE(z + a log pi, y)                                                        debiased margin loss
    L = l(weak) + w [l(strong) + l(mixed)]           on D_l, by both heads
        + beta [l(weak) + w l(strong)]               outside, by the auxiliary head

There are two networks. pi and pi_u are running means of the predictions on D_l and outside it. Rows outside D_l train
an auxiliary head only, which shares the features and is dropped after training, so that wrong guesses do not feed back
into the selection. Late in training, rows on which both networks are confident of the same class join D_l. Weak, strong
and mixed rows pass through the networks separately, each with its own BatchNorm statistics, as in the authors' code.

By default L is divided by its total weight 1 + 2 w, so that the learning rate has the same effect throughout; the
authors add the terms, three with weight w, and late in training their learning rate thus acts on a loss four times as
large.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from noisewise.bounds import between, whole
from noisewise.errors import BadInput
from noisewise.methods.inputs.fmix import mix_regions
from noisewise.methods.phases import phase_epochs
from noisewise.methods.rate import CAP, NoiseRate
from noisewise.methods.semi_supervised.mixmatch import mix_rows, negative_entropy, ramp, sharpen
from noisewise.models.parts import linear_layers, record_calls
from noisewise.training.batch import Batch, cross_entropy, one_hot
from noisewise.training.method import EpochEnd, LearningTask, Method, MethodCard
from noisewise.training.networks import Networks, Predictor, eval_forward, mean_of_logits, stateless_forward
from noisewise.training.recipe import recipe
from noisewise.training.trainer import Learner, Training

CARD = MethodCard(
    "promix",
    "Keep as many clean rows as possible: those with small losses in every class, and those whose label the network "
    "predicts with confidence. The others train an auxiliary head on debiased guesses.",
    "Wang, Xiao, Li, Feng, Niu, Chen and Zhao, ProMix: Combating Label Noise via Maximizing Clean Sample Utility, "
    "IJCAI 2023",
    2023,
    "l = CE(z + a log pi, y);  D_l = class-wise small losses, or p_y > tau",
    forwards=9.2,
    backwards=4.8,
    stations=("edit", "loss", "penalty"),
    networks=2,
    departures="no FMix unless fmix=true; the strong view is a second weak one unless `strong` is set; both heads "
    "share one mixture; the networks take turns by the epoch; the loss is divided by its total weight 1 + 2 w, "
    "unless average=false; the warm-up and the ramp have the paper's epochs, in a short training 250 steps, or a "
    "third of the epochs (warm-up) or half of them (ramp), and the method is not meant for fewer than 750 steps; rho "
    "follows the noise rate, stated or estimated; beta stays after its ramp (the authors' code drops it to 0); "
    "networks without a linear layer have no auxiliary head; confidence is penalised in the warm-up only with "
    "negentropy=true, which the authors do for asymmetric noise; the cost stated is with augmentation",
)

_MOST_KEPT = 0.7
_TEMPERATURE = 0.5
_GUESS_UP_TO = 0.9
_BETA = 0.1
_ALPHA = 4.0
_ALPHA_REGIONS = 1.0


def small_losses(losses: Tensor, labels: Tensor, classes: int, rho: float) -> Tensor:
    """(n,) whether a row is among the ceil(rho n / K) smallest losses of its given class; at least one of each."""
    chosen = torch.zeros_like(labels, dtype=torch.bool)
    size = max(1, math.ceil(len(labels) / classes * rho))
    for k in range(classes):
        members = torch.nonzero(labels == k)[:, 0]
        chosen[members[losses[members].argsort(stable=True)[:size]]] = True
    return chosen


def agreed(own: Tensor, peer: Tensor, chosen: Tensor, tau: float) -> Tensor:
    """Rows that join by agreement: both networks predict the same class with more than tau.

    The most confident rows join first, until 0.9 B rows are chosen.

    Args:
        own: (B, K) predictions of this network.
        peer: (B, K) predictions of the other network.
        chosen: (B,) rows that are chosen already.
        tau: least confidence of both.

    Returns:
        (B,) whether a row joins.
    """
    top, guess = own.max(dim=-1)
    other, second = peer.max(dim=-1)
    joins = (top > tau) & (other > tau) & (guess == second) & ~chosen
    room = max(0, int(len(chosen) * _GUESS_UP_TO) - int(chosen.sum()))
    order = torch.where(joins, top + other, -1.0).argsort(descending=True, stable=True)
    return joins & torch.zeros_like(joins).index_fill(0, order[:room], True)


class TwoHeads(nn.Module):
    """A network and an auxiliary head on the input of its last linear layer.

    Returns (B, K) logits in evaluation mode, and (B, 2 K) in training mode: the network's, then the auxiliary head's.

    Args:
        net: the network; one without a linear layer gets no auxiliary head.

    Attributes:
        parts: sizes of the parts of a batch that pass through the network one after another in training mode, so that
            each is normalised by its own statistics; None is one part.
        divisible: False: several processes cannot divide the rows among them, as these parts are of all rows.
    """

    divisible = False

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.parts: list[int] | None = None
        found = linear_layers(net)
        # A tuple hides the module from `nn.Module`, which would register it a second time, under a second name.
        self._last = tuple(found[-1:])
        self.auxiliary = nn.Linear(found[-1].in_features, found[-1].out_features) if found else None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return self.net(x)
        return torch.cat([self._both(part) for part in x.split(self.parts or [len(x)])])

    def _both(self, x: Tensor) -> Tensor:
        if self.auxiliary is None:
            return self.net(x)
        with record_calls(self._last) as calls:
            main = self.net(x)
        return torch.cat([main, self.auxiliary(calls[-1].input)], dim=-1)


@dataclass(frozen=True)
class Settings:
    """The options of `promix`, for both networks."""

    rho: float | None
    tau: float
    debias: float
    warmup: int
    ramp: int
    expand: float
    negentropy: bool = False
    average: bool = True
    fmix: bool = False


class ProMix(Method):
    """Edit and loss stations of one of the two networks.

    Args:
        peer: the other network.
        settings: the options.
    """

    card = CARD
    mixes_rows = True
    predicts_rows = True
    memory: Tensor
    rho: Tensor
    losses: Tensor
    base: Tensor
    kept: Tensor

    def __init__(self, peer: Networks, settings: Settings) -> None:
        super().__init__()
        # A tuple hides the peer from `nn.Module`, which would register its parameters and buffers as this method's own.
        self._peer = (peer,)
        self.settings = settings

    def prepare(self, task: LearningTask) -> None:
        """Allocate rho, pi and pi_u (2, K), and per row (rows,) the loss, the base and the final selection."""
        device = task.given.device
        self.classes = task.classes
        self.noise = NoiseRate(task, task.noise_rate if self.settings.rho is None else 1 - self.settings.rho)
        rho = min(_MOST_KEPT, 1 - self.noise.value) if self.settings.rho is None else self.settings.rho
        self.register_buffer("rho", torch.tensor(rho, device=device))
        self.register_buffer("memory", torch.full((2, task.classes), 1 / task.classes, device=device))
        self.register_buffer("losses", torch.zeros(task.rows, device=device))
        self.register_buffer("base", torch.ones(task.rows, dtype=torch.bool, device=device))
        self.register_buffer("kept", torch.ones(task.rows, device=device))

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        everything = torch.ones(len(batch), dtype=torch.bool, device=batch.x.device)
        heads = cast(TwoHeads, nets[0])
        heads.parts = None
        if batch.clock.epoch < self.settings.warmup:
            return replace(batch, index=None, info={"reliable": everything, "weak": everything, "main": everything})
        # Without augmentation a second view equals the first, which then counts for both.
        second = batch.second_view(rng)
        others = [] if second is None else [second]
        y, reliable = self._targets(batch, stateless_forward(nets, batch.x)[0, :, : self.classes])
        mixtures = [mix_rows(batch.x[reliable], y[reliable], _ALPHA, rng)]
        if self.settings.fmix:
            mixtures.append(mix_regions(batch.x[reliable], y[reliable], _ALPHA_REGIONS, rng))
        mixed = torch.ones(sum(len(part) for part, _ in mixtures), dtype=torch.bool, device=y.device)
        kinds = torch.cat([reliable, *(reliable for _ in others), mixed])
        weak = torch.cat([everything, *(~everything for _ in others), ~mixed])
        parts = [len(batch)] * (1 + len(others)) + [len(part) for part, _ in mixtures]
        # Rows alone cannot be normalised by their own statistics, and join a view.
        alone = sum(size for size in parts if size < 2)
        parts = [size for size in parts if size > 1]
        heads.parts = [*parts[:-1], parts[-1] + alone]
        return replace(
            batch,
            x=torch.cat([batch.x, *others, *(x for x, _ in mixtures)]),
            y=torch.cat([y, *(y for _ in others), *(part for _, part in mixtures)]),
            w=self._weights(kinds, weak, batch),
            index=None,
            info={"reliable": kinds, "weak": weak},
        )

    def _targets(self, batch: Batch, z: Tensor) -> tuple[Tensor, Tensor]:
        """(B, K) targets and (B,) which of them are reliable, from this network's logits (B, K)."""
        p = z.softmax(dim=-1)
        chosen = self.base[batch.rows] | ((batch.y * p).sum(dim=-1) > self.settings.tau)
        debiased, outside = ((z - self.settings.debias * pi.log()).softmax(dim=-1) for pi in self.memory)
        y = torch.where(chosen[:, None], batch.y, sharpen(outside, _TEMPERATURE))
        if batch.clock.epoch < (1 - self.settings.expand) * batch.clock.epochs:
            return y, chosen
        joins = agreed(p, eval_forward(self._peer[0], batch.x)[0].softmax(dim=-1), chosen, self.settings.tau)
        guessed = one_hot(debiased.argmax(dim=-1), self.classes).to(y.dtype)
        return torch.where(joins[:, None], guessed, y), chosen | joins

    def _weights(self, reliable: Tensor, weak: Tensor, batch: Batch) -> Tensor:
        """(R,) weights that make one mean over all rows the weighted sum of the means over the parts."""
        epoch, length = batch.clock.epoch, self.settings.ramp
        known, unknown = int((reliable & weak).sum()), int((~reliable & weak).sum())
        w = ramp(epoch, 0, length)
        total = 1 + (3 if self.settings.fmix else 2) * w if self.settings.average else 1.0
        of_weak = 1 + w if batch.view is batch.strong is None else 1.0
        share = torch.where(weak, of_weak, w).to(batch.w.dtype) / total
        beta = _BETA * ramp(epoch, 0, 2 * length)
        return len(weak) * share * torch.where(reliable, 1 / max(known, 1), beta / max(unknown, 1))

    def loss(self, batch: Batch) -> Tensor:
        z = batch.scores
        main, other = z[..., : self.classes], z[..., self.classes :]
        if "main" in batch.info:
            return cross_entropy(main, batch.y)
        reliable = batch.info["reliable"]
        shift = self.settings.debias * torch.where(reliable[:, None], self.memory[0], self.memory[1]).log()
        by_main = cross_entropy(main + shift, batch.y) * reliable
        return by_main + cross_entropy(other + shift, batch.y) if other.shape[-1] else by_main

    def penalty(self, batch: Batch) -> Tensor | float:
        if "main" not in batch.info or not self.settings.negentropy:
            return 0.0
        return negative_entropy(batch.scores[..., : self.classes])

    def observe(self, batch: Batch) -> None:
        """Update the running means pi and pi_u, which average over about a tenth of the training."""
        if "main" in batch.info:
            return
        p = batch.scores[0, :, : self.classes].softmax(dim=-1)
        keep = min(0.9999, max(0.0, 1 - 10 / (batch.clock.epochs * batch.clock.steps)))
        reliable, weak = batch.info["reliable"], batch.info["weak"]
        for pi, rows in zip(self.memory, (reliable & weak, ~reliable & weak), strict=True):
            if rows.any():
                pi.mul_(keep).add_(p[rows].mean(dim=0), alpha=1 - keep)

    def refit(self, epoch_end: EpochEnd) -> None:
        """Select the small losses of every class for the next epoch."""
        seen, labels = [], []
        for batch in epoch_end.passes():
            self.losses[batch.rows] = cross_entropy(batch.scores, batch.y)[0]
            seen.append(batch.rows)
            labels.append(batch.y.argmax(dim=-1))
        rows, given = torch.cat(seen), torch.cat(labels)
        self.noise.update(epoch_end)
        if self.settings.rho is None:
            # What is not selected is unlabelled but not dropped, so an estimate that is too high does no lasting harm.
            self.rho.fill_(min(_MOST_KEPT, 1 - min(self.noise.estimate, CAP)))
        self.base[rows] = small_losses(self.losses[rows], given, self.classes, float(self.rho))
        matched = self.losses[rows] < -math.log(self.settings.tau)
        self.kept[rows] = (self.base[rows] | matched).to(self.kept.dtype)

    def predict(self, logits: Tensor) -> Tensor:
        return mean_of_logits(logits)

    def selection(self) -> Tensor:
        return self.kept


@recipe(
    CARD,
    {
        "rho": between(0.01, 1) | None,
        "tau": between(0.01, 1),
        "debias": between(0, 10),
        "warmup": whole(0, 10_000) | None,
        "ramp": whole(0, 10_000) | None,
        "expand": between(0, 1),
    },
)
def promix(
    training: Training,
    rho: float | None = None,
    tau: float = 0.99,
    debias: float = 0.8,
    warmup: int | None = None,
    ramp: int | None = None,
    expand: float = 0.4,
    negentropy: bool = False,
    average: bool = True,
    fmix: bool = False,
) -> None:
    """ProMix.

    Args:
        training: the training.
        rho: share of n / K small losses kept per class; None keeps one minus the noise rate, stated or estimated, at
            most 0.7 (the paper: 0.7 for 20 % noise, 0.5 from 40 %).
        tau: probability of the given label above which a row is kept (the paper: 0.99; 0.95 for 100 classes).
        debias: strength of debiasing in losses and guesses (the paper: 0.8; 0.5 for 100 classes).
        warmup: epochs of cross entropy; None takes the paper's 10, in a short training 250 steps or a third of the
            epochs.
        ramp: epochs until strong views and mixtures count fully; None takes the paper's 50, in a short training half of
            the epochs.
        expand: share of the training, at its end, in which rows join by agreement (the paper: 250 of 600 epochs).
        negentropy: penalise confidence during the warm-up (the authors, for asymmetric noise).
        average: divide the loss by its total weight 1 + 2 w; otherwise the terms are added, as in the authors' code,
            and the same learning rate acts up to three times as strongly.
        fmix: train on rows that are mixed by regions, too (the authors' code); for images.

    Raises:
        BadInput: fmix where the rows are no images.
    """
    if fmix and training.data.kind != "image":
        raise BadInput(f"promix: fmix=true mixes images by regions, and {training.data.name} has rows of numbers")
    epochs, steps = training.config.epochs, training.task.steps
    warm = phase_epochs(10, epochs, steps) if warmup is None else warmup
    rising = phase_epochs(50, epochs, steps, most=1 / 2) if ramp is None else ramp
    a, b = _learner(training, "a"), _learner(training, "b")
    settings = Settings(rho, tau, debias, warm, rising, expand, negentropy, average, fmix)
    for_a, for_b = ProMix(b.nets, settings), ProMix(a.nets, settings)
    both = Predictor(training.networks([a.nets[0], b.nets[0]]), mean_of_logits)
    for _ in range(epochs):
        training.fit(a, for_a, 1, record=False)
        training.fit(b, for_b, 1, predictor=both)


def _learner(training: Training, name: str) -> Learner:
    """A learner of a fresh network with an auxiliary head."""
    seed = training.config.seed_of(name, 0, bits=31)
    net = training.fresh(seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        heads = TwoHeads(net)
    nets = training.networks([heads])
    if training.data.kind == "image":
        nets.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return training.add_learner(name, nets)
