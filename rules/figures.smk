# Figures: each is drawn by the module of its name (or of its `script`) in src/figures.
#
# Required: the tables of the experiments that the figure names.
# Makes: results/figures/{figure}.pdf for the paper, .png for the screen; .gif, a film, where the figure has one.


rule draw_figure:
    input:
        unpack(tables_of_figure),
    output:
        pdf="results/figures/{figure}.pdf",
        png="results/figures/{figure}.png",
    log:
        "results/logs/draw_figure/{figure}.log",
    conda:
        "../environment.yml"
    params:
        spec=specify("draw_figure", describe_figure),
        module=drawing_module,
        python=python,
    message:
        "Drawing {wildcards.figure}"
    shell:
        "{params.python} -m {params.module} --spec {params.spec:q} --pdf {output.pdf} --png {output.png}"
        " --models {input.models} --features {input.features} --sets {input.sets} --neurons {input.neurons}"
        " --hidden_samples {input.hidden_samples} --dynamics {input.dynamics}"
        " --training_history {input.training_history} --saes {input.saes} --latents {input.latents}"
        " --single_feature_responses {input.single_feature_responses} --sae_history {input.sae_history}"
        " --finite_models {input.finite_models} --finite_features {input.finite_features}"
        " --training_points {input.training_points} --finite_history {input.finite_history}"
        " > {log} 2>&1"


rule draw_film:
    input:
        unpack(tables_of_figure),
    output:
        gif="results/figures/{figure}.gif",
    log:
        "results/logs/draw_film/{figure}.log",
    conda:
        "../environment.yml"
    params:
        spec=specify("draw_film", describe_figure),
        module=drawing_module,
        python=python,
    message:
        "Drawing the film of {wildcards.figure}"
    shell:
        "{params.python} -m {params.module} --spec {params.spec:q} --gif {output.gif}"
        " --models {input.models} --features {input.features} --sets {input.sets} --neurons {input.neurons}"
        " --hidden_samples {input.hidden_samples} --dynamics {input.dynamics}"
        " --training_history {input.training_history} --saes {input.saes} --latents {input.latents}"
        " --single_feature_responses {input.single_feature_responses} --sae_history {input.sae_history}"
        " --finite_models {input.finite_models} --finite_features {input.finite_features}"
        " --training_points {input.training_points} --finite_history {input.finite_history}"
        " > {log} 2>&1"
