"""Estimates: all estimators of one recording in one job, which reruns as a group.

Inputs:  activations of a block, or weights of a point or a stack and their data set
Outputs: results/estimates/<experiment>/<point or stack>/<block>.<estimator>.parquet
"""

for group in PLAN.estimate_groups():

    rule:
        name:
            f"estimate_{group.name}"
        input:
            **PLAN.group_inputs(group),
            src=PLAN.group_sources(group),
        output:
            PLAN.group_outputs(group),
        log:
            f"{PLAN.root}/logs/estimates/{group.path}.log",
        benchmark:
            f"{PLAN.root}/benchmarks/estimate/{group.path}.tsv"
        priority: 50
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=PLAN.group_memory(group),
        params:
            settings=in_file(PLAN.group_settings, group=group),
            inputs=in_file(PLAN.group_inputs, group=group),
            outputs=in_file(PLAN.group_outputs, group=group),
        message:
            f"{', '.join(group.estimators)} on {group.experiment} {group.place} {group.block}"
        shell:
            "infoflow estimate --settings {params.settings:q} --inputs {params.inputs:q}"
            " --outputs {params.outputs:q} > {log:q} 2>&1"


rule convergence:
    """How fast the sample-propagation estimate converges where the truth is known."""
    input:
        src=sources("infoflow.estimation.convergence"),
    output:
        PLAN.convergence(),
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
