"""The methods by name: one line each."""

from __future__ import annotations

from noisewise.catalogue import Catalogue

METHODS = Catalogue(
    "method",
    {
        "ce": "noisewise.methods.ce:CrossEntropy",
        "gce": "noisewise.methods.gce:GCE",
        "mae": "noisewise.methods.mae:MAE",
        "sce": "noisewise.methods.sce:SCE",
        "bi-tempered": "noisewise.methods.bi_tempered:BiTempered",
        "focal": "noisewise.methods.focal:Focal",
        "taylor-ce": "noisewise.methods.taylor_ce:TaylorCE",
        "nce-rce": "noisewise.methods.nce_rce:NCEandRCE",
        "poly-soft": "noisewise.methods.poly_soft:PolySoft",
        "correntropy": "noisewise.methods.correntropy:Correntropy",
        "label-smoothing": "noisewise.methods.label_smoothing:LabelSmoothing",
        "ct": "noisewise.methods.ct:CT",
        "truncated-gce": "noisewise.methods.truncated_gce:TruncatedGCE",
        "bootstrap-soft": "noisewise.methods.bootstrap:BootstrapSoft",
        "elr": "noisewise.methods.elr:ELR",
        "forward": "noisewise.methods.forward:forward",
        "self-paced": "noisewise.methods.self_paced:SelfPaced",
        "coteaching": "noisewise.methods.coteaching:CoTeaching",
        "cdr": "noisewise.methods.cdr:CDR",
        "sam": "noisewise.methods.sam:SAM",
        "meta-weight-net": "noisewise.methods.meta_weight_net:MetaWeightNet",
        "l2rw": "noisewise.methods.l2rw:L2RW",
        "glc": "noisewise.methods.glc:glc",
        "dividemix": "noisewise.methods.dividemix:dividemix",
        "m-correction": "noisewise.methods.m_correction:MCorrection",
        "promix": "noisewise.methods.promix:promix",
        "self-ensembling": "noisewise.methods.self_ensembling:self_ensembling",
        "pes": "noisewise.methods.pes:pes",
        "mixup": "noisewise.methods.mixup:Mixup",
        "pgd-training": "noisewise.methods.pgd_training:PGDTraining",
        "bootstrap-hard": "noisewise.methods.bootstrap:BootstrapHard",
        "elr-plus": "noisewise.methods.elr_plus:elr_plus",
        "sop": "noisewise.methods.sop:SOP",
        "sop-plus": "noisewise.methods.sop_plus:SOPPlus",
        "d2l": "noisewise.methods.d2l:D2L",
        "resampling": "noisewise.methods.resampling:resampling",
        "smote": "noisewise.methods.smote:smote",
        "adaboost": "noisewise.methods.adaboost:adaboost",
    },
)
