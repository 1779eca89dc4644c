# Claims: each sentence of a paper, judged by what was measured.
#
# Required: the measured tables of every experiment and seed.
# Makes: results/claims.parquet, a row per judged quantity with value, interval, threshold and verdict.


rule judge_claims:
    input:
        unpack(tables_of_claims),
    output:
        claims="results/claims.parquet",
    log:
        "results/logs/judge_claims.log",
    benchmark:
        "results/logs/judge_claims.tsv"
    localrule: True
    conda:
        "../environment.yml"
    params:
        spec=specify("judge_claims", describe_claims, ["claims"]),
        python=python,
    message:
        "Judging the claims"
    shell:
        "{params.python} -m scripts.judge_claims --spec {params.spec:q} --claims {output.claims} > {log} 2>&1"
