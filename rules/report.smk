# The report: a page for each figure, the claims, the glossary and the jobs, which `snakemake --report` gathers into one file.
#
# Required: figures and claims.
# Makes: results/report/*.html, each of which can be read by itself. `make report` makes results/report.html from them.


rule present_figure:
    input:
        png="results/figures/{figure}.png",
        film=film_of_figure,
        claims="results/claims.parquet",
        templates=templates,
    output:
        page=report(
            "results/report/{figure}.html",
            category=section_of_figure,
            labels=label_figure,
            caption="../report/figure.rst",
        ),
    log:
        "results/logs/present_figure/{figure}.log",
    localrule: True
    conda:
        "../environment.yml"
    params:
        spec=specify("present_figure", describe_page_of_figure),
        caption=caption_of_figure,
        python=python,
    message:
        "Presenting {wildcards.figure}"
    shell:
        "{params.python} -m scripts.present_figure --spec {params.spec:q} --png {input.png} --film {input.film}"
        " --claims {input.claims} --templates {input.templates} --page {output.page} > {log} 2>&1"


rule present_claims:
    input:
        claims="results/claims.parquet",
        templates=templates,
    output:
        page=report(
            "results/report/pages/claims.html",
            category="Claims",
            labels={"table": "All claims"},
            caption="../report/claims.rst",
        ),
    log:
        "results/logs/present_claims.log",
    localrule: True
    conda:
        "../environment.yml"
    params:
        spec=specify("present_claims", describe_page_of_claims),
        python=python,
    message:
        "Presenting the claims"
    shell:
        "{params.python} -m scripts.present_claims --spec {params.spec:q} --claims {input.claims}"
        " --templates {input.templates} --page {output.page} > {log} 2>&1"


rule present_glossary:
    input:
        pngs=pictures_of_glossary,
        templates=templates,
    output:
        page=report(
            "results/report/pages/glossary.html",
            category="Glossary",
            labels={"page": "Questions and answers"},
            caption="../report/glossary.rst",
        ),
    log:
        "results/logs/present_glossary.log",
    localrule: True
    conda:
        "../environment.yml"
    params:
        spec=specify("present_glossary", describe_page_of_glossary),
        python=python,
    message:
        "Presenting the glossary"
    shell:
        "{params.python} -m scripts.present_glossary --spec {params.spec:q} --pngs {input.pngs}"
        " --templates {input.templates} --page {output.page} > {log} 2>&1"


rule present_jobs:
    input:
        paper="results/paper.pdf",
        films=[f"results/figures/{name}.gif" for name in FILMS],
        templates=templates,
    output:
        page=report(
            "results/report/pages/jobs.html",
            category="Jobs",
            labels={"table": "Time and memory"},
            caption="../report/jobs.rst",
        ),
    log:
        "results/logs/present_jobs.log",
    localrule: True
    conda:
        "../environment.yml"
    params:
        spec=specify("present_jobs", describe_page_of_jobs),
        python=python,
    message:
        "Presenting what the jobs took"
    shell:
        "{params.python} -m scripts.present_jobs --spec {params.spec:q} --paper {input.paper}"
        " --templates {input.templates} --page {output.page} > {log} 2>&1"
