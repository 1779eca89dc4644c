# Toy models: all instances of an experiment (swept values x restarts) are trained at once, one job per seed.
#
# Required: nothing but the configuration; training draws its own samples.
# Makes: results/models/{experiment}/{seed}.safetensors, the weights; .parquet beside it, the training history.


rule train_toy_models:
    output:
        weights="results/models/{experiment}/{seed}.safetensors",
        history="results/models/{experiment}/{seed}.parquet",
    log:
        "results/logs/train_toy_models/{experiment}/{seed}.log",
    benchmark:
        "results/logs/train_toy_models/{experiment}/{seed}.tsv"
    priority: priority_of_toy_models
    conda:
        "../environment.yml"
    resources:
        gpu=1,
    params:
        spec=specify("train_toy_models", describe_toy_models, ["training_history"]),
        python=python,
    message:
        "Training toy models of {wildcards.experiment}, seed {wildcards.seed}"
    shell:
        "{params.python} -m scripts.train_toy_models --spec {params.spec:q} --gpus {resources.gpu}"
        " --weights {output.weights} --history {output.history} > {log} 2>&1"
