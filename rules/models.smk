# Toy models: all instances of an experiment (swept values x restarts) are trained at once, one job per seed.
#
# Required: nothing but the configuration, where training draws its own samples; training sets where they are finite.
# Makes: results/models/{experiment}/{seed}.safetensors, the weights; .parquet beside it, the training history.
# While a job runs: results/checkpoints/{experiment}/{seed}.safetensors, from which it goes on if killed;
# no output, which Snakemake would delete then.


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
        gpu=GPUS,
        mem_mb=mem_mb,
        runtime=minutes_of_toy_models,
    params:
        spec=specify("train_toy_models", describe_toy_models, ["training_history"]),
        checkpoint="results/checkpoints/{experiment}/{seed}.safetensors",
        python=python,
    message:
        "Training toy models of {wildcards.experiment}, seed {wildcards.seed}"
    shell:
        "{params.python} -m scripts.train_toy_models --spec {params.spec:q} --gpus {resources.gpu}"
        " --checkpoint {params.checkpoint}"
        " --weights {output.weights} --history {output.history} > {log} 2>&1"


rule train_on_finite_data:
    input:
        samples="results/data/{finite_data}/{seed}.safetensors",
    output:
        weights="results/models/{finite_data}/{seed}.safetensors",
        history="results/models/{finite_data}/{seed}.parquet",
    log:
        "results/logs/train_on_finite_data/{finite_data}/{seed}.log",
    benchmark:
        "results/logs/train_on_finite_data/{finite_data}/{seed}.tsv"
    priority: priority_of_finite_data
    conda:
        "../environment.yml"
    resources:
        gpu=GPUS,
        mem_mb=mem_mb,
        runtime=minutes_of_finite_data,
    params:
        spec=specify("train_on_finite_data", describe_finite_data, ["finite_history"]),
        checkpoint="results/checkpoints/{finite_data}/{seed}.safetensors",
        python=python,
    message:
        "Training on finite data of {wildcards.finite_data}, seed {wildcards.seed}"
    shell:
        "{params.python} -m scripts.train_on_finite_data --spec {params.spec:q} --gpus {resources.gpu}"
        " --samples {input.samples} --checkpoint {params.checkpoint}"
        " --weights {output.weights} --history {output.history} > {log} 2>&1"
