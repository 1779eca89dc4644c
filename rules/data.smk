# Data: the samples that models are judged on, frozen before anything is trained.
#
# Required: nothing but the configuration.
# Makes: results/data/{experiment}/{seed}.safetensors, the non-zeros of the held-out samples of every swept value.


rule sample_features:
    output:
        samples="results/data/{experiment}/{seed}.safetensors",
    log:
        "results/logs/sample_features/{experiment}/{seed}.log",
    benchmark:
        "results/logs/sample_features/{experiment}/{seed}.tsv"
    priority: priority_of_toy_models
    conda:
        "../environment.yml"
    params:
        spec=specify("sample_features", describe_samples),
        python=python,
    message:
        "Drawing held-out samples of {wildcards.experiment}, seed {wildcards.seed}"
    shell:
        "{params.python} -m scripts.sample_features --spec {params.spec:q} --samples {output.samples} > {log} 2>&1"
