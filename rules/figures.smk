# Figures: each is drawn by the module of its name (or of its `script`) in src/figures.
#
# Required: of the experiments that the figure names, the tables that its module has the names of.
# Makes: results/figures/{figure}.pdf for the paper, .png for the screen; .gif, a film, where the figure has one.


rule draw_figure:
    input:
        unpack(tables_of_figure),
    output:
        pdf="results/figures/{figure}.pdf",
        png="results/figures/{figure}.png",
    log:
        "results/logs/draw_figure/{figure}.log",
    benchmark:
        "results/logs/draw_figure/{figure}.tsv"
    localrule: True
    conda:
        "../environment.yml"
    params:
        spec=specify("draw_figure", describe_figure),
        module=drawing_module,
        python=python,
    message:
        "Drawing {wildcards.figure}"
    shell:
        "{params.python} -m {params.module} --spec {params.spec:q} --pdf {output.pdf} --png {output.png} > {log} 2>&1"


rule draw_film:
    input:
        unpack(tables_of_figure),
    output:
        gif="results/figures/{figure}.gif",
    log:
        "results/logs/draw_film/{figure}.log",
    benchmark:
        "results/logs/draw_film/{figure}.tsv"
    localrule: True
    conda:
        "../environment.yml"
    params:
        spec=specify("draw_film", describe_figure),
        module=drawing_module,
        python=python,
    message:
        "Drawing the film of {wildcards.figure}"
    shell:
        "{params.python} -m {params.module} --spec {params.spec:q} --gif {output.gif} > {log} 2>&1"
