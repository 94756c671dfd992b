"""Notebooks: one a document, executed by papermill; it draws the document's figures and shows its verdicts.

Inputs:  notebooks/<document>.ipynb, the document's tables, claims and weights
Outputs: results/notebooks/<document>.{ipynb,html}, results/figures/<document>/<figure>.{svg,png}

The `reference` rules run the same notebooks on the reference results that are in git.
"""

for document in PLAN.documents:

    rule:
        name:
            f"notebook_{document}"
        input:
            source=PLAN.notebook_source(document),
            claims=PLAN.claims(document),
            tables=list(PLAN.tables(document).values()),
            weights=PLAN.document_weights(document),
            src=PLAN.notebook_sources(document),
        output:
            notebook=f"{PLAN.root}/notebooks/{document}.ipynb",
            html=f"{PLAN.root}/notebooks/{document}.html",
            svg=report(
                [path for path in PLAN.figures(document) if path.endswith(".svg")],
                caption="../report/figure.rst",
                category=document,
            ),
            png=[path for path in PLAN.figures(document) if path.endswith(".png")],
        log:
            executed=f"{PLAN.root}/logs/notebooks/{document}.ipynb",
            text=f"{PLAN.root}/logs/notebooks/{document}.log",
        benchmark:
            f"{PLAN.root}/benchmarks/notebook/{document}.tsv"
        priority: 10  # before reference figures, which wait for nothing and fill the end
        retries: 1
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=2000,
        params:
            settings=in_file(PLAN.notebook_settings, document=document),
            results=lambda wildcards, output: os.path.dirname(
                os.path.dirname(output.notebook)
            ),
            figures=lambda wildcards, output: os.path.dirname(
                os.path.dirname(output.svg[0])
            ),
        message:
            f"notebook of {document}"
        shell:
            "infoflow notebook --settings {params.settings:q} --source {input.source:q}"
            " --executed {log.executed:q} --output {output.notebook:q} --results {params.results:q}"
            " --figures {params.figures:q} > {log.text:q} 2>&1"

    rule:
        name:
            f"reference_{document}"
        input:
            source=PLAN.notebook_source(document),
            tables=PLAN.reference_tables(document),
            src=sources(
                f"{studies.package(document)}.figures",
                "infoflow.plotting",
                "infoflow.report.notebook",
            ),
        output:
            html=f"results/reference-figures/{document}.html",
            notebook=f"results/reference-figures/{document}.ipynb",
        log:
            executed=f"{PLAN.root}/logs/reference/{document}.ipynb",
            text=f"{PLAN.root}/logs/reference/{document}.log",
        retries: 1  # two kernels that start together may choose the same port
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=2000,
        params:
            settings=in_file(PLAN.notebook_settings, document=document),
        message:
            f"reference figures of {document}"
        shell:
            "infoflow notebook --settings {params.settings:q} --source {input.source:q}"
            " --executed {log.executed:q} --output {output.notebook:q} --results results/reference"
            " --figures results/reference-figures > {log.text:q} 2>&1"
