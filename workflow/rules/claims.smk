"""Claims: the verdicts of a document, and the small tables that its figures are drawn from.

Inputs:  every table of estimates, history and data set of the document's experiments
Outputs: results/claims/<document>.parquet, results/tables/<document>/<table>.parquet
"""

for document in PLAN.documents:

    rule:
        name:
            f"claims_{document}"
        input:
            **PLAN.claims_inputs(document),
            src=PLAN.claims_sources(document),
        output:
            **PLAN.tables(document),
            claims=PLAN.claims(document),
        log:
            f"{PLAN.root}/logs/claims/{document}.log",
        benchmark:
            f"{PLAN.root}/benchmarks/claims/{document}.tsv"
        priority: 10
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=3000,
        params:
            settings=in_file(PLAN.claims_settings, document=document),
            tables=lambda wildcards, output: os.path.dirname(output[0]),
        message:
            f"claims of {document}"
        shell:
            "infoflow claims --settings {params.settings:q} --tables {params.tables:q} --output {output.claims:q} > {log:q} 2>&1"
