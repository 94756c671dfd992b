"""Data sets.

Inputs: none, the user's own files under `data_root`, or results/contexts/<experiment>/fold<k>.h5
Outputs: results/data/<dataset>.h5
"""


rule dataset:
    """Make one data set."""
    input:
        made=lambda wildcards: PLAN.dataset_inputs(wildcards.dataset),
        src=lambda wildcards: PLAN.dataset_sources(wildcards.dataset),
    output:
        f"{PLAN.root}/data/{{dataset}}.h5",
    log:
        f"{PLAN.root}/logs/data/{{dataset}}.log",
    benchmark:
        f"{PLAN.root}/benchmarks/dataset/{{dataset}}.tsv"
    priority: 1_000_000  # before any training: one that waits for its data would come last
    conda:
        ENVIRONMENT
    threads: lambda wildcards: PLAN.dataset_workers(wildcards.dataset)
    resources:
        mem_mb=2000,
    params:
        settings=in_file(PLAN.dataset_settings),
        inputs=in_file(PLAN.dataset_inputs),
    message:
        "data set {wildcards.dataset}"
    shell:
        "infoflow dataset --settings {params.settings:q} --inputs {params.inputs:q} --workers {threads}"
        " --output {output:q} > {log:q} 2>&1"
