"""Report: the page to start from, the ledger of all verdicts, the errata, the manifest.

Inputs:  claims, figures and notebooks of every enabled document
         the documentation's pages
Outputs: results/docs/, results/{index.html,claims.parquet,errata.parquet,MANIFEST.json,SECONDS.json}
"""


rule site:
    """The documentation as a site, which opens from the disk."""
    input:
        config="mkdocs.yml",
        pages=sorted(glob("docs/*") + glob("benchmarks/*.md")),
    output:
        f"{PLAN.root}/docs/index.html",
    log:
        f"{PLAN.root}/logs/site.log",
    benchmark:
        f"{PLAN.root}/benchmarks/site/site.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        folder=lambda wildcards, output: os.path.abspath(os.path.dirname(output[0])),
    message:
        "documentation"
    shell:
        "infoflow site --folder {params.folder:q} > {log:q} 2>&1"


rule page:
    """The index page, the ledger, the errata and the manifest."""
    input:
        claims=[PLAN.claims(document) for document in PLAN.documents],
        figures=[path for document in PLAN.documents for path in PLAN.figures(document)],
        notebooks=[
            f"{PLAN.root}/notebooks/{document}.html" for document in PLAN.documents
        ],
        datasets=[PLAN.dataset(dataset) for dataset in PLAN.datasets()],
        src=PLAN.report_sources(),
    output:
        index=f"{PLAN.root}/index.html",
        claims=f"{PLAN.root}/claims.parquet",
        errata=f"{PLAN.root}/errata.parquet",
        manifest=f"{PLAN.root}/MANIFEST.json",
        seconds=f"{PLAN.root}/SECONDS.json",
    log:
        f"{PLAN.root}/logs/report.log",
    benchmark:
        f"{PLAN.root}/benchmarks/page/page.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        settings=in_file(PLAN.report_settings),
        root=lambda wildcards, output: os.path.dirname(output.index),
    message:
        "index page, ledger, errata and manifest"
    shell:
        "infoflow report --settings {params.settings:q} --root {params.root:q} > {log:q} 2>&1"
