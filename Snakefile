# The reproducible paper of superposition and sparse autoencoders in toy models: table of contents.
#
#   config.yaml -> held-out data -> toy models -> sparse autoencoders -> metrics -> claims -> figures -> paper
#
# Each file with rules opens with what it needs and what it makes; each rule calls the script of its own name in src/scripts.
# The configuration is read and checked in rules/common.smk.

from snakemake.utils import min_version

min_version("9.27")


report: "report/workflow.rst"


include: "rules/common.smk"
include: "rules/specifications.smk"
include: "rules/costs.smk"
include: "rules/data.smk"
include: "rules/models.smk"
include: "rules/saes.smk"
include: "rules/metrics.smk"
include: "rules/claims.smk"
include: "rules/figures.smk"
include: "rules/paper.smk"
include: "rules/sections.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        "results/paper.pdf",
        expand("results/figures/{figure}.gif", figure=FILMS),


rule present:
    input:
        "results/paper.pdf",
        "results/report/pages/claims.html",
        "results/report/pages/glossary.html",
        "results/report/pages/jobs.html",
        expand("results/report/{figure}.html", figure=FIGURES),
