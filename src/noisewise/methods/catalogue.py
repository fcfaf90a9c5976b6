"""The methods by name: one line each."""

from __future__ import annotations

from noisewise.catalogue import Catalogue

METHODS = Catalogue(
    "method",
    {
        # the baseline
        "ce": "noisewise.methods.ce:CrossEntropy",
        # losses
        "label-smoothing": "noisewise.methods.label_smoothing:LabelSmoothing",
        "mae": "noisewise.methods.mae:MAE",
        "gce": "noisewise.methods.gce:GCE",
        "truncated-gce": "noisewise.methods.truncated_gce:TruncatedGCE",
        "sce": "noisewise.methods.sce:SCE",
        "bi-tempered": "noisewise.methods.bi_tempered:BiTempered",
        "focal": "noisewise.methods.focal:Focal",
        "taylor-ce": "noisewise.methods.taylor_ce:TaylorCE",
        "nce-rce": "noisewise.methods.nce_rce:NCEandRCE",
        "poly-soft": "noisewise.methods.poly_soft:PolySoft",
        "correntropy": "noisewise.methods.correntropy:Correntropy",
        "ct": "noisewise.methods.ct:CT",
        # targets and memories
        "bootstrap-soft": "noisewise.methods.bootstrap:BootstrapSoft",
        "bootstrap-hard": "noisewise.methods.bootstrap:BootstrapHard",
        "d2l": "noisewise.methods.d2l:D2L",
        "elr": "noisewise.methods.elr:ELR",
        "elr-plus": "noisewise.methods.elr_plus:elr_plus",
        "sop": "noisewise.methods.sop:SOP",
        "sop-plus": "noisewise.methods.sop_plus:SOPPlus",
        # transition matrices
        "forward": "noisewise.methods.forward:forward",
        "backward": "noisewise.methods.backward:backward",
        "s-model": "noisewise.methods.s_model:s_model",
        "glc": "noisewise.methods.glc:glc",
        "t-revision": "noisewise.methods.t_revision:t_revision",
        "volminnet": "noisewise.methods.volminnet:VolMinNet",
        "learned-transition": "noisewise.methods.learned_transition:LearnedTransition",
        # weights
        "self-paced": "noisewise.methods.self_paced:SelfPaced",
        "linear-weighting": "noisewise.methods.linear_weighting:LinearWeighting",
        "mixture-weighting": "noisewise.methods.mixture_weighting:MixtureWeighting",
        "focal-weighting": "noisewise.methods.focal_weighting:FocalWeighting",
        "hard-mining": "noisewise.methods.hard_mining:HardMining",
        "prediction-variance": "noisewise.methods.prediction_variance:PredictionVariance",
        "class-balanced": "noisewise.methods.class_balanced:ClassBalanced",
        "cores2": "noisewise.methods.cores2:CORES2",
        "mentornet": "noisewise.methods.mentornet:mentornet",
        # two networks
        "decoupling": "noisewise.methods.decoupling:Decoupling",
        "coteaching": "noisewise.methods.coteaching:CoTeaching",
        "coteaching-plus": "noisewise.methods.coteaching_plus:CoTeachingPlus",
        "jocor": "noisewise.methods.jocor:JoCoR",
        # learned on trusted rows
        "l2rw": "noisewise.methods.l2rw:L2RW",
        "meta-weight-net": "noisewise.methods.meta_weight_net:MetaWeightNet",
        "learned-loss": "noisewise.methods.learned_loss:LearnedLoss",
        "hypergradient": "noisewise.methods.hypergradient:Hypergradient",
        "fwl": "noisewise.methods.fwl:fwl",
        # gradients
        "cdr": "noisewise.methods.cdr:CDR",
        "perturbed-gd": "noisewise.methods.perturbed_gd:PerturbedGD",
        "gradient-noise": "noisewise.methods.gradient_noise:GradientNoise",
        "sam": "noisewise.methods.sam:SAM",
        # semi-supervised
        "dividemix": "noisewise.methods.dividemix:dividemix",
        "self-ensembling": "noisewise.methods.self_ensembling:self_ensembling",
        "pes": "noisewise.methods.pes:pes",
        "m-correction": "noisewise.methods.m_correction:MCorrection",
        "promix": "noisewise.methods.promix:promix",
        # inputs
        "mixup": "noisewise.methods.mixup:Mixup",
        "pgd-training": "noisewise.methods.pgd_training:PGDTraining",
        # classical
        "smote": "noisewise.methods.smote:smote",
        "resampling": "noisewise.methods.resampling:resampling",
        "adaboost": "noisewise.methods.adaboost:adaboost",
    },
)
