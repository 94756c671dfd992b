"""Every figure, number and claim of five documents on information flow in deep networks.

snakemake --cores 8                                             everything in config.yaml
snakemake --cores 2 --configfile configs/smoke.yaml             the whole workflow in minutes, sizes cut down
snakemake --cores 8 kong2019                                    one document
snakemake --cores 8 results/figures/kong2019/F2.svg             one figure
"""

from glob import glob

from snakemake.utils import min_version

min_version("9.27")

for path in sorted(glob("configs/documents/*.yaml")):

    configfile: path


configfile: "config.yaml"  # after the documents, so that what a person edits there wins


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/record.smk"
include: "workflow/rules/estimate.smk"
include: "workflow/rules/truth.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/notebooks.smk"
include: "workflow/rules/report.smk"


onstart:
    FILES.prune()
    locks.record()


localrules:
    all,
    figures,
    reference,


rule all:
    """Every figure, executed notebook and verdict of the documents that the config enables."""
    default_target: True
    input:
        PLAN.targets(),


rule reference:
    """The figures of the reference results alone, in a minute."""
    input:
        PLAN.reference_pages(),


rule figures:
    """Every figure."""
    input:
        [path for document in PLAN.documents for path in PLAN.figures(document)],


for document in PLAN.documents:

    rule:
        name:
            document
        input:
            PLAN.figures(document),
            f"{PLAN.root}/notebooks/{document}.html",
            PLAN.claims(document),
        localrule: True
