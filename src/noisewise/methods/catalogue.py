"""The methods by name: one line each."""

from __future__ import annotations

from noisewise.catalogue import Catalogue

METHODS = Catalogue(
    "method",
    {
        # the default
        "auto": "noisewise.methods.automatic.auto:auto",
        # the baseline
        "ce": "noisewise.methods.losses.ce:CrossEntropy",
        # losses
        "label-smoothing": "noisewise.methods.losses.label_smoothing:LabelSmoothing",
        "mae": "noisewise.methods.losses.mae:MAE",
        "gce": "noisewise.methods.losses.gce:GCE",
        "truncated-gce": "noisewise.methods.losses.truncated_gce:TruncatedGCE",
        "sce": "noisewise.methods.losses.sce:SCE",
        "bi-tempered": "noisewise.methods.losses.bi_tempered:BiTempered",
        "focal": "noisewise.methods.losses.focal:Focal",
        "taylor-ce": "noisewise.methods.losses.taylor_ce:TaylorCE",
        "nce-rce": "noisewise.methods.losses.nce_rce:NCEandRCE",
        "poly-soft": "noisewise.methods.losses.poly_soft:PolySoft",
        "correntropy": "noisewise.methods.losses.correntropy:Correntropy",
        "ct": "noisewise.methods.losses.ct:CT",
        # targets and memories
        "bootstrap-soft": "noisewise.methods.targets.bootstrap:BootstrapSoft",
        "bootstrap-hard": "noisewise.methods.targets.bootstrap:BootstrapHard",
        "d2l": "noisewise.methods.targets.d2l:D2L",
        "elr": "noisewise.methods.targets.elr:ELR",
        "elr-plus": "noisewise.methods.targets.elr_plus:elr_plus",
        "sop": "noisewise.methods.targets.sop:SOP",
        "sop-plus": "noisewise.methods.targets.sop_plus:SOPPlus",
        # transition matrices
        "forward": "noisewise.methods.transition.forward:forward",
        "backward": "noisewise.methods.transition.backward:backward",
        "s-model": "noisewise.methods.transition.s_model:s_model",
        "glc": "noisewise.methods.transition.glc:glc",
        "t-revision": "noisewise.methods.transition.t_revision:t_revision",
        "volminnet": "noisewise.methods.transition.volminnet:VolMinNet",
        "learned-transition": "noisewise.methods.transition.learned_transition:LearnedTransition",
        # weights
        "self-paced": "noisewise.methods.weights.self_paced:SelfPaced",
        "linear-weighting": "noisewise.methods.weights.linear_weighting:LinearWeighting",
        "mixture-weighting": "noisewise.methods.weights.mixture_weighting:MixtureWeighting",
        "focal-weighting": "noisewise.methods.weights.focal_weighting:FocalWeighting",
        "hard-mining": "noisewise.methods.weights.hard_mining:HardMining",
        "prediction-variance": "noisewise.methods.weights.prediction_variance:PredictionVariance",
        "class-balanced": "noisewise.methods.weights.class_balanced:ClassBalanced",
        "cores2": "noisewise.methods.weights.cores2:CORES2",
        "mentornet": "noisewise.methods.weights.mentornet:mentornet",
        # two networks
        "decoupling": "noisewise.methods.pairs.decoupling:Decoupling",
        "coteaching": "noisewise.methods.pairs.coteaching:CoTeaching",
        "coteaching-plus": "noisewise.methods.pairs.coteaching_plus:CoTeachingPlus",
        "jocor": "noisewise.methods.pairs.jocor:JoCoR",
        # learned on trusted rows
        "l2rw": "noisewise.methods.learned.l2rw:L2RW",
        "meta-weight-net": "noisewise.methods.learned.meta_weight_net:MetaWeightNet",
        "learned-loss": "noisewise.methods.learned.learned_loss:LearnedLoss",
        "hypergradient": "noisewise.methods.learned.hypergradient:Hypergradient",
        "fwl": "noisewise.methods.learned.fwl:fwl",
        # gradients
        "cdr": "noisewise.methods.gradients.cdr:CDR",
        "perturbed-gd": "noisewise.methods.gradients.perturbed_gd:PerturbedGD",
        "gradient-noise": "noisewise.methods.gradients.gradient_noise:GradientNoise",
        "sam": "noisewise.methods.gradients.sam:SAM",
        # semi-supervised
        "dividemix": "noisewise.methods.semi_supervised.dividemix:dividemix",
        "self-ensembling": "noisewise.methods.semi_supervised.self_ensembling:self_ensembling",
        "pes": "noisewise.methods.semi_supervised.pes:pes",
        "m-correction": "noisewise.methods.semi_supervised.m_correction:MCorrection",
        "promix": "noisewise.methods.semi_supervised.promix:promix",
        # inputs
        "mixup": "noisewise.methods.inputs.mixup:Mixup",
        "pgd-training": "noisewise.methods.inputs.pgd_training:PGDTraining",
        # classical
        "smote": "noisewise.methods.classical.smote:smote",
        "resampling": "noisewise.methods.classical.resampling:resampling",
        "adaboost": "noisewise.methods.classical.adaboost:adaboost",
    },
    groups=("noisewise.methods",),
    refusal="noisewise.methods.build:refusal",
)
