"""The benchmark of truth: every estimator on tasks whose mutual information is known.

Inputs:  none, the tasks are drawn
Outputs: results/truth/part<k>.parquet, results/truth/detection<k>.parquet,
         results/truth/{widths,subadditivity,consistency}.parquet
"""


rule truth:
    """Every estimator that applies, at every number of samples, on a part of the tasks."""
    input:
        src=sources("infoflow.truth.stage"),
    output:
        f"{PLAN.root}/truth/part{{part}}.parquet",
    log:
        f"{PLAN.root}/logs/truth/part{{part}}.log",
    benchmark:
        f"{PLAN.root}/benchmarks/truth/part{{part}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1500,
    params:
        settings=in_file(PLAN.truth_settings),
    message:
        "benchmark of truth, part {wildcards.part}"
    shell:
        "infoflow truth --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"


rule truth_sweeps:
    """Kernel and bin widths on fixed samples, the counterexamples to subadditivity, and what every information must do."""
    input:
        src=sources("infoflow.truth.stage"),
    output:
        **PLAN.truth_sweeps(),
    log:
        f"{PLAN.root}/logs/truth/sweeps.log",
    benchmark:
        f"{PLAN.root}/benchmarks/truth/sweeps.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1500,
    params:
        settings=in_file(PLAN.truth_sweep_settings),
    message:
        "sweeps of kernel and bin widths"
    shell:
        "infoflow sweeps --settings {params.settings:q} --widths {output.widths:q}"
        " --subadditivity {output.subadditivity:q} --consistency {output.consistency:q} > {log:q} 2>&1"


rule detection:
    """Every estimator on layers over a training, with and without compression, whose information is known."""
    input:
        src=sources("infoflow.truth.detection"),
    output:
        f"{PLAN.root}/truth/detection{{part}}.parquet",
    log:
        f"{PLAN.root}/logs/truth/detection{{part}}.log",
    benchmark:
        f"{PLAN.root}/benchmarks/truth/detection{{part}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2500,
    params:
        settings=in_file(PLAN.detection_settings),
    message:
        "benchmark of compression detection, part {wildcards.part}"
    shell:
        "infoflow detection --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"
