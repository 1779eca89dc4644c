# %% [markdown]
# # Exploring the results
#
# Everything that was measured lies in typed tables under `results/metrics`, one folder a table, described column by
# column in `schemas/tables.yaml`. A folder reads as one table. Run this file as it is, from the project's folder, or
# cell by cell in an editor that knows `# %%` (VS Code, PyCharm, Jupyter with jupytext).

# %%
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

# %% [markdown]
# ## How many features are represented?
#
# `models` has a row per trained model. Of each seed and feature probability, only the restart with the lowest loss is
# kept.

# %%
models = pd.read_parquet("results/metrics/models")
best = models[(models["experiment"] == "five_in_two") & models["lowest_loss"]]
plt.figure()
sns.lineplot(best, x="feature_probability", y="n_represented", marker="o").set(xscale="log")

# %% [markdown]
# ## What do the autoencoders recover?
#
# `saes` has a row per autoencoder. With as many latents as features, one that leaves latents dead cannot find them all.

# %%
saes = pd.read_parquet("results/metrics/saes")
pentagon = saes[saes["toy_model"] == "five_in_two_sparse"]
plt.figure()
sns.stripplot(pentagon, x="n_dead", y="n_recovered", hue="sae", dodge=True)

# %% [markdown]
# ## Which claims failed, and by how much?

# %%
claims = pd.read_parquet("results/claims.parquet")
failed = claims[claims["verdict"] == "failed"]
print(failed[["claim", "quantity", "value", "low", "high", "relation", "threshold"]].to_string())
plt.show()
