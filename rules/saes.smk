# Sparse autoencoders: all instances of a sweep are fitted at once, one job per seed.
#
# Required: the weights and held-out samples (which decide between its restarts) of the toy model that the sweep names; or
# the synthetic dictionary that it names, which lies in one file with its held-out samples.
# Makes: results/saes/{sae}/{seed}.safetensors, the weights; .parquet beside it, the history with snapshots.
# While a job runs: results/checkpoints/{sae}/{seed}.safetensors, from which it goes on if killed;
# no output, which Snakemake would delete then.


rule fit_saes:
    input:
        model_weights=weights_of_toy_model,
        samples=samples_of_source,
    output:
        weights="results/saes/{sae}/{seed}.safetensors",
        history="results/saes/{sae}/{seed}.parquet",
    log:
        "results/logs/fit_saes/{sae}/{seed}.log",
    benchmark:
        "results/logs/fit_saes/{sae}/{seed}.tsv"
    priority: priority_of_saes
    conda:
        "../environment.yml"
    resources:
        gpu=GPUS,
        mem_mb=mem_mb,
        runtime=minutes_of_saes,
    params:
        spec=specify("fit_saes", describe_saes, ["sae_history"]),
        checkpoint="results/checkpoints/{sae}/{seed}.safetensors",
        python=python,
    message:
        "Fitting autoencoders of {wildcards.sae}, seed {wildcards.seed}"
    shell:
        "{params.python} -m scripts.fit_saes --spec {params.spec:q} --gpus {resources.gpu}"
        " --model_weights {input.model_weights} --samples {input.samples} --checkpoint {params.checkpoint}"
        " --weights {output.weights} --history {output.history} > {log} 2>&1"
