# Data: the samples that models are judged on, frozen before anything is trained.
#
# Required: nothing but the configuration.
# Makes: results/data/{experiment}/{seed}.safetensors, the non-zeros of the held-out samples of every swept value;
# results/data/{finite_data}/{seed}.safetensors, the training sets of every size beside the held-out samples;
# results/data/{dictionary}/{seed}.safetensors, the directions and the distribution of a synthetic dictionary beside the
# non-zeros of its held-out samples.


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
    resources:
        mem_mb=mem_mb,
        runtime=minutes,
    params:
        spec=specify("sample_features", describe_samples),
        python=python,
    message:
        "Drawing held-out samples of {wildcards.experiment}, seed {wildcards.seed}"
    shell:
        "{params.python} -m scripts.sample_features --spec {params.spec:q} --samples {output.samples} > {log} 2>&1"


rule sample_training_sets:
    output:
        samples="results/data/{finite_data}/{seed}.safetensors",
    log:
        "results/logs/sample_training_sets/{finite_data}/{seed}.log",
    benchmark:
        "results/logs/sample_training_sets/{finite_data}/{seed}.tsv"
    priority: priority_of_finite_data
    conda:
        "../environment.yml"
    resources:
        mem_mb=mem_mb,
        runtime=minutes,
    params:
        spec=specify("sample_training_sets", describe_training_sets),
        python=python,
    message:
        "Drawing training sets of {wildcards.finite_data}, seed {wildcards.seed}"
    shell:
        "{params.python} -m scripts.sample_training_sets --spec {params.spec:q} --samples {output.samples} > {log} 2>&1"


rule sample_dictionary:
    output:
        samples="results/data/{dictionary}/{seed}.safetensors",
    log:
        "results/logs/sample_dictionary/{dictionary}/{seed}.log",
    benchmark:
        "results/logs/sample_dictionary/{dictionary}/{seed}.tsv"
    priority: priority_of_dictionary
    conda:
        "../environment.yml"
    resources:
        mem_mb=mem_mb,
        runtime=minutes,
    params:
        spec=specify("sample_dictionary", describe_dictionary),
        python=python,
    message:
        "Drawing the synthetic dictionary {wildcards.dictionary}, seed {wildcards.seed}"
    shell:
        "{params.python} -m scripts.sample_dictionary --spec {params.spec:q} --samples {output.samples} > {log} 2>&1"
