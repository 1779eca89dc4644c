"""Score every autoencoder of one sweep at one seed on held-out activations against the true features."""

from scripts.command_line import provenance, run
from superposition.features import SparseSamples
from superposition.ground_truth import HeldOut
from superposition.runs import held_out_of_instances
from superposition.sae_measurement import measure_saes as measure
from superposition.storage import load_tensors, save_table


def measure_saes(spec: dict, weights: str, samples: str, **tables: str) -> None:
    parameters, data = load_tensors(weights), load_tensors(samples)
    if "dictionary" in spec:
        W, model_instance, held_out = data["W"], None, 0
        structure = {key: data[key] for key in ("bias", "parents", "sets")}
    else:
        W, model_instance, structure = parameters.pop("W"), int(parameters.pop("model_instance")), {}
        held_out = int(held_out_of_instances(spec["experiment"])[model_instance])
    x = HeldOut(SparseSamples.from_tensors(data), held_out)
    measured = measure(spec["id"], spec["sae"], spec["seed"], parameters, W, model_instance, x, **structure)
    for name, path in tables.items():
        save_table(measured[name], path, spec["tables"][name], provenance(spec))


if __name__ == "__main__":
    run(measure_saes, files=["weights", "samples", "saes", "latents", "single_feature_responses", "absorption"])
