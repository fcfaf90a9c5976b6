"""The audit: detectors, the judgement, findings, report, decisions, and the pipeline that trains for them."""
