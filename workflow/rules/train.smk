"""Training: one job for each stacked ensemble.

Inputs:  results/data/<dataset>.h5
Outputs: results/train/<experiment>/<point>/{weights.safetensors,history.parquet}
"""

for job in PLAN.train_jobs():

    rule:
        name:
            f"train_{job.id}"
        input:
            dataset=PLAN.dataset_of(job.experiment, job.points[0].id),
            src=PLAN.train_sources(job.id),
            checkpoints=PLAN.train_checkpoints(job.id),
        output:
            weights=[PLAN.weights(job.experiment, point.id) for point in job.points],
            history=[PLAN.history(job.experiment, point.id) for point in job.points],
        log:
            f"{PLAN.root}/logs/train/{job.id}.log",
        benchmark:
            f"{PLAN.root}/benchmarks/train/{job.id}.tsv"
        priority: job.priority
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=3500,
        params:
            settings=in_file(PLAN.train_settings, job=job.id),
            folders=in_file(PLAN.train_folders, job=job.id),
            resume=f"{PLAN.root}/.resume",
        message:
            f"training {job.id}: {len(job.points)} x {job.settings.seeds} networks, {job.settings.training.epochs} epochs"
        shell:
            "infoflow train --settings {params.settings:q} --dataset {input.dataset:q}"
            " --folders {params.folders:q} --resume {params.resume:q} > {log:q} 2>&1"
