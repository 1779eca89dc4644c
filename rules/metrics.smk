# Metrics: everything that claims and figures read, as typed tables (schemas/tables.yaml), one file per seed.
#
# Required: trained weights and held-out samples.
# Makes: results/metrics/{table}/{experiment, sae or dictionary}/{seed}.parquet. A folder such as results/metrics/features reads as
# one table.


rule measure_toy_models:
    input:
        weights="results/models/{experiment}/{seed}.safetensors",
        samples="results/data/{experiment}/{seed}.safetensors",
        history="results/models/{experiment}/{seed}.parquet",
    output:
        models="results/metrics/models/{experiment}/{seed}.parquet",
        features="results/metrics/features/{experiment}/{seed}.parquet",
        sets="results/metrics/sets/{experiment}/{seed}.parquet",
        neurons="results/metrics/neurons/{experiment}/{seed}.parquet",
        hidden_samples="results/metrics/hidden_samples/{experiment}/{seed}.parquet",
        dynamics="results/metrics/dynamics/{experiment}/{seed}.parquet",
    log:
        "results/logs/measure_toy_models/{experiment}/{seed}.log",
    benchmark:
        "results/logs/measure_toy_models/{experiment}/{seed}.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=mem_mb,
        runtime=minutes,
    params:
        spec=specify(
            "measure_toy_models",
            describe_toy_models,
            ["models", "features", "sets", "neurons", "hidden_samples", "dynamics"],
        ),
        python=python,
    message:
        "Measuring toy models of {wildcards.experiment}, seed {wildcards.seed}"
    shell:
        "{params.python} -m scripts.measure_toy_models --spec {params.spec:q}"
        " --weights {input.weights} --samples {input.samples} --history {input.history} --models {output.models}"
        " --features {output.features} --sets {output.sets} --neurons {output.neurons} --hidden_samples {output.hidden_samples}"
        " --dynamics {output.dynamics} > {log} 2>&1"


rule measure_saes:
    input:
        weights="results/saes/{sae}/{seed}.safetensors",
        samples=samples_of_source,
    output:
        saes="results/metrics/saes/{sae}/{seed}.parquet",
        latents="results/metrics/latents/{sae}/{seed}.parquet",
        single_feature_responses="results/metrics/single_feature_responses/{sae}/{seed}.parquet",
        absorption="results/metrics/absorption/{sae}/{seed}.parquet",
    log:
        "results/logs/measure_saes/{sae}/{seed}.log",
    benchmark:
        "results/logs/measure_saes/{sae}/{seed}.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=mem_mb,
        runtime=minutes,
    params:
        spec=specify("measure_saes", describe_saes, ["saes", "latents", "single_feature_responses", "absorption"]),
        python=python,
    message:
        "Measuring autoencoders of {wildcards.sae}, seed {wildcards.seed}"
    shell:
        "{params.python} -m scripts.measure_saes --spec {params.spec:q}"
        " --weights {input.weights} --samples {input.samples} --saes {output.saes} --latents {output.latents}"
        " --single_feature_responses {output.single_feature_responses} --absorption {output.absorption} > {log} 2>&1"


rule measure_finite_data:
    input:
        weights="results/models/{finite_data}/{seed}.safetensors",
        samples="results/data/{finite_data}/{seed}.safetensors",
    output:
        finite_models="results/metrics/finite_models/{finite_data}/{seed}.parquet",
        finite_features="results/metrics/finite_features/{finite_data}/{seed}.parquet",
        training_points="results/metrics/training_points/{finite_data}/{seed}.parquet",
    log:
        "results/logs/measure_finite_data/{finite_data}/{seed}.log",
    benchmark:
        "results/logs/measure_finite_data/{finite_data}/{seed}.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=mem_mb,
        runtime=minutes,
    params:
        spec=specify(
            "measure_finite_data", describe_finite_data, ["finite_models", "finite_features", "training_points"]
        ),
        python=python,
    message:
        "Measuring models of {wildcards.finite_data}, seed {wildcards.seed}"
    shell:
        "{params.python} -m scripts.measure_finite_data --spec {params.spec:q}"
        " --weights {input.weights} --samples {input.samples} --finite_models {output.finite_models}"
        " --finite_features {output.finite_features} --training_points {output.training_points} > {log} 2>&1"


rule measure_dictionary:
    input:
        samples="results/data/{dictionary}/{seed}.safetensors",
    output:
        dictionaries="results/metrics/dictionaries/{dictionary}/{seed}.parquet",
    log:
        "results/logs/measure_dictionary/{dictionary}/{seed}.log",
    benchmark:
        "results/logs/measure_dictionary/{dictionary}/{seed}.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=mem_mb,
        runtime=minutes,
    params:
        spec=specify("measure_dictionary", describe_dictionary, ["dictionaries"]),
        python=python,
    message:
        "Measuring the synthetic dictionary {wildcards.dictionary}, seed {wildcards.seed}"
    shell:
        "{params.python} -m scripts.measure_dictionary --spec {params.spec:q}"
        " --samples {input.samples} --dictionaries {output.dictionaries} > {log} 2>&1"
