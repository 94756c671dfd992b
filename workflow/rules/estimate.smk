"""Estimates: one estimator over one activation file, or over the weights of a scalar chain.

Inputs:  activations of a block, or weights and data set of a point
Outputs: results/estimates/<experiment>/<point>/<block>.<estimator>.parquet
"""


rule estimate:
    """Run one estimator over one file."""
    input:
        unpack(estimate_inputs),
        src=lambda wildcards: PLAN.estimate_sources(wildcards.estimator),
    output:
        f"{PLAN.root}/estimates/{{experiment}}/{{point}}/{{block}}.{{estimator}}.parquet",
    log:
        f"{PLAN.root}/logs/estimates/{{experiment}}/{{point}}/{{block}}.{{estimator}}.log",
    benchmark:
        f"{PLAN.root}/benchmarks/estimate/{{experiment}}/{{point}}/{{block}}.{{estimator}}.tsv"
    priority: 50
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards: PLAN.estimate_memory(wildcards.estimator),
    params:
        settings=in_file(PLAN.estimate_settings),
        inputs=in_file(PLAN.estimate_inputs),
    message:
        "{wildcards.estimator} on {wildcards.experiment} {wildcards.point} {wildcards.block}"
    shell:
        "infoflow estimate --settings {params.settings:q} --inputs {params.inputs:q} --output {output:q} > {log:q} 2>&1"


rule convergence:
    """How fast the sample-propagation estimate converges where the truth is known."""
    input:
        src=sources("infoflow.estimate", without=("infoflow.estimators",))
        + sources("infoflow.estimators.noisy"),
    output:
        f"{PLAN.root}/estimates/convergence.parquet",
    log:
        f"{PLAN.root}/logs/estimates/convergence.log",
    benchmark:
        f"{PLAN.root}/benchmarks/convergence/convergence.tsv"
    priority: 50
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        settings=in_file(PLAN.convergence_settings),
    message:
        "convergence of the sample-propagation estimate"
    shell:
        "infoflow convergence --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"
