"""Recording: the observed layers of trained networks, a block of seeds a file; contexts of encoders, a fold a file.

Inputs:  weights of a point, its data set
Outputs: results/activations/<experiment>/<point>/<block>.h5, where the experiment's probe keeps them;
         results/contexts/<experiment>/fold<k>.h5
"""


rule activations:
    """Layers of a block of networks, of experiments that keep them."""
    input:
        weights=f"{PLAN.root}/train/{{experiment}}/{{point}}/weights.safetensors",
        dataset=lambda wildcards: PLAN.dataset_of(wildcards.experiment, wildcards.point),
        src=lambda wildcards: PLAN.record_sources(wildcards.experiment),
    output:
        f"{PLAN.root}/activations/{{experiment}}/{{point}}/{{block}}.h5",
    log:
        f"{PLAN.root}/logs/activations/{{experiment}}/{{point}}/{{block}}.log",
    benchmark:
        f"{PLAN.root}/benchmarks/activations/{{experiment}}/{{point}}/{{block}}.tsv"
    wildcard_constraints:
        experiment="|".join(filter(PLAN.keeps_activations, PLAN.experiments)) or "-",
    priority: 75  # before any estimate: those that wait for them would come last
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2500,
    params:
        settings=in_file(PLAN.activation_settings),
    message:
        "activations of {wildcards.experiment} {wildcards.point} {wildcards.block}"
    shell:
        "infoflow record --settings {params.settings:q} --weights {input.weights:q}"
        " --dataset {input.dataset:q} --output {output:q} > {log:q} 2>&1"


for encoder in PLAN.encoders():

    rule:
        name:
            f"contexts_{encoder}"
        input:
            weights=PLAN.contexts_weights(encoder),
            dataset=PLAN.dataset_of(encoder, next(iter(PLAN.points[encoder]))),
            src=sources("infoflow.recording.contexts"),
        output:
            PLAN.contexts_outputs(encoder),
        log:
            f"{PLAN.root}/logs/contexts/{encoder}.log",
        benchmark:
            f"{PLAN.root}/benchmarks/contexts/{encoder}.tsv"
        priority: 1_000_000  # as data sets, which are made of them
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=1500,
        params:
            settings=in_file(PLAN.contexts_settings, experiment=encoder),
            weights=in_file(PLAN.contexts_weights, experiment=encoder),
            outputs=in_file(PLAN.contexts_outputs, experiment=encoder),
        message:
            f"contexts of {encoder}"
        shell:
            "infoflow contexts --settings {params.settings:q} --weights {params.weights:q}"
            " --dataset {input.dataset:q} --outputs {params.outputs:q} > {log:q} 2>&1"
