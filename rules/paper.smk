# The paper: text from paper/, numbers and tables from generated files.
#
# Required: claims, figures, and the sources of the text.
# Makes: results/paper.pdf; results/paper.json, every number that the text quotes.


rule typeset_paper:
    input:
        claims="results/claims.parquet",
        figures=expand("results/figures/{figure}.pdf", figure=FIGURES),
        sources=paper_sources,
    output:
        pdf=report("results/paper.pdf", category="Paper", labels={"file": "The paper"}, caption="../report/paper.rst"),
        numbers="results/paper.json",
    log:
        "results/logs/typeset_paper.log",
    benchmark:
        "results/logs/typeset_paper.tsv"
    localrule: True
    conda:
        "../environment.yml"
    params:
        spec=specify("typeset_paper", describe_paper),
        python=python,
    message:
        "Typesetting the paper"
    shell:
        "{params.python} -m scripts.typeset_paper --spec {params.spec:q} --claims {input.claims}"
        " --figures {input.figures} --sources {input.sources}"
        " --numbers {output.numbers} --pdf {output.pdf} > {log} 2>&1"
