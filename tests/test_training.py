"""The training loop: its history, how it ends when it diverges, and a textbook loop beside it."""

import io

import pytest
import torch
from builders import check_schema, toy_model

from superposition import toy_models
from superposition.evaluation import held_out_losses, sample_held_out
from superposition.features import feature_importance
from superposition.progress import Progress
from superposition.runs import list_instances, parameter_of_instances
from superposition.seeding import torch_generator
from superposition.toy_model_training import feature_probability, train_toy_models
from superposition.training import DivergenceError, Recorder, check_finite, minimise

RATES = torch.tensor([0.1, 0.2])


def quiet(total_steps):
    return Progress("test", total_steps, stream=io.StringIO())


def train(experiment, name="tiny", seed=0):
    return train_toy_models(name, experiment, seed, progress=quiet(experiment["training"]["steps"]))


# The history


def test_history_by_hand():
    recorder = Recorder(every=2, progress=quiet(5))
    losses = [[1.0, 0.0], [3.0, 1.0], [5.0, 2.0], [9.0, 4.0], [7.0, 8.0]]
    ended = [recorder.record(step, torch.tensor(loss), RATES) for step, loss in enumerate(losses, start=1)]
    assert ended == [False, True, False, True, True]
    assert recorder.steps == [2, 4, 5]  # the last stretch is one step short, and its mean is over that one step
    assert [loss.tolist() for loss in recorder.losses] == [[2.0, 0.5], [7.0, 3.0], [7.0, 8.0]]


def test_sums_over_a_stretch_are_as_good_as_its_steps():
    recorder = Recorder(every=2, progress=quiet(5))
    for step, total in [(2, [4.0, 1.0]), (4, [14.0, 6.0]), (5, [7.0, 8.0])]:
        assert recorder.record(step, torch.tensor(total), RATES)
    assert [loss.tolist() for loss in recorder.losses] == [[2.0, 0.5], [7.0, 3.0], [7.0, 8.0]]


@pytest.mark.parametrize(("steps", "log_every", "logged"), [(20, 10, [10, 20]), (25, 10, [10, 20, 25]), (3, 3, [3])])
def test_history_table(steps, log_every, logged):
    experiment = toy_model(training={"steps": steps, "log_every": log_every}, restarts=3)
    _, history = train(experiment, seed=4)
    history = check_schema(history, "training_history")
    assert history["step"].tolist() == [step for step in logged for _ in range(3)]
    assert history["instance"].tolist() == [0, 1, 2] * len(logged)
    assert set(history["experiment"]) == {"tiny"}
    assert set(history["seed"]) == {4}
    assert (history["loss"] > 0).all()


def test_history_does_not_depend_on_how_often_it_is_written():
    coarse, fine = (
        train(toy_model(training={"steps": 12, "log_every": every}))[1].pivot(index="step", columns="instance")["loss"]
        for every in (4, 1)
    )
    means = [fine.iloc[begin : begin + 4].mean() for begin in (0, 4, 8)]
    torch.testing.assert_close(torch.tensor(coarse.to_numpy()), torch.tensor([list(mean) for mean in means]))


# Divergence


def test_divergence_is_named():
    experiment = toy_model(sweep={"learning_rate": [1e-3, 1e30]}, restarts=2)
    message = r"loss of instance 2 is not finite by step 10 \(learning rate 1e\+30, 2 of 4 instances\)"
    with pytest.raises(DivergenceError, match=message):
        train(experiment)


def test_divergence_after_the_last_full_stretch_is_not_lost():
    recorder = Recorder(every=10, progress=quiet(12))
    for step in range(1, 12):
        recorder.record(step, torch.ones(2), RATES)
    with pytest.raises(DivergenceError, match=r"loss of instance 1 is not finite by step 12 \(learning rate 0.2"):
        recorder.record(12, torch.tensor([1.0, torch.nan]), RATES)
    assert recorder.steps == [10]


def test_weight_that_breaks_at_the_last_step_is_found():
    # The loss sqrt(w) is 0 at w = 0, and its gradient is infinite: only the update shows it.
    parameters = {"w": torch.tensor([[1.0], [0.0]])}
    training = toy_model(training={"steps": 1, "log_every": 1})["training"]
    with pytest.raises(DivergenceError, match="w of instance 1 is not finite by step 1 "):
        minimise(parameters, lambda: parameters["w"][:, 0].sqrt(), training, RATES, Recorder(1, quiet(1)))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 2, 2)])
def test_check_finds_the_first_broken_instance(shape, value):
    values = torch.zeros(shape)
    check_finite(values, 1, torch.ones(3), "W")
    values[1:, ...] = value
    with pytest.raises(DivergenceError, match=r"W of instance 1 .* 2 of 3 instances"):
        check_finite(values, 1, torch.ones(3), "W")


# The loop


def test_schedule_warmup_and_decay_by_hand():
    # Against a constant gradient Adam moves by the rate: .1 (1/2 + 1 + 1 + 1/2) with a warm-up of 2 steps and a linear
    # decay over the other 2, and twice that for the second instance.
    parameters = {"w": torch.zeros(2, 1)}
    changes = {"steps": 4, "warmup_steps": 2, "schedule": "linear", "log_every": 4}
    training = toy_model(training=changes)["training"]
    minimise(parameters, lambda: parameters["w"][:, 0], training, RATES, Recorder(4, quiet(4)))
    torch.testing.assert_close(parameters["w"], torch.tensor([[-0.3], [-0.6]]))
    assert not parameters["w"].requires_grad

    decayed = {"w": torch.ones(2, 1)}
    training = toy_model(training={"steps": 1, "log_every": 1, "optimizer": "adamw", "weight_decay": 0.5})["training"]
    minimise(decayed, lambda: 0 * decayed["w"][:, 0], training, RATES, Recorder(1, quiet(1)))
    torch.testing.assert_close(decayed["w"], torch.tensor([[0.95], [0.9]]))  # 1 - rate * decay


def test_the_hook_follows_each_step():
    events, parameters = [], {"w": torch.zeros(2, 1)}

    def loss_of_batch():
        events.append(("loss", parameters["w"][0].item()))
        return parameters["w"][:, 0]

    training = toy_model(training={"steps": 2, "log_every": 1})["training"]
    minimise(
        parameters,
        loss_of_batch,
        training,
        torch.ones(2),
        Recorder(1, quiet(2)),
        after_step=lambda step: events.append((step, parameters["w"][0].item())),
    )
    assert events == [("loss", 0.0), (0, pytest.approx(-1)), ("loss", pytest.approx(-1)), (1, pytest.approx(-2))]


def textbook(experiment, name, seed):
    """The same training as anybody would write it for one model after the other, on the samples that ours draws."""
    training, importance = experiment["training"], feature_importance(experiment)[0]
    instances = list_instances(experiment)
    stream = torch_generator(seed, name, "train")
    uniform = [
        torch.rand(training["batch_size"], len(instances), 5, generator=stream) for _ in range(training["steps"])
    ]
    rates = parameter_of_instances(experiment, "learning_rate")
    results = []
    for i, p in enumerate(instances["feature_probability"]):
        W = (torch.randn(2, 5, generator=torch_generator(seed, name, "init", i)) * (2 / 7) ** 0.5).requires_grad_()
        b = torch.zeros(5, requires_grad=True)
        optimizer = torch.optim.Adam([W, b], lr=rates[i])
        for u in uniform:
            x = torch.where(u[:, i] < p, u[:, i] / p, 0)
            loss = (importance * (x - torch.relu(x @ W.T @ W + b)) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        results.append((W.detach(), b.detach(), loss.item()))
    return results


def test_training_is_the_textbook_loop():
    sweep = {"feature_probability": [1.0, 0.2], "learning_rate": [1e-3, 1e-2]}
    importance = {"curve": "geometric", "base": 0.5}
    experiment = toy_model(sweep=sweep, importance=importance, restarts=2, training={"steps": 50, "log_every": 1})
    parameters, history = train(experiment, seed=7)
    last = history[history["step"] == 50].set_index("instance")["loss"]
    for i, (W, b, loss) in enumerate(textbook(experiment, "tiny", 7)):
        torch.testing.assert_close(parameters["W"][i], W, rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(parameters["b_final"][i], b, rtol=1e-3, atol=1e-5)
        assert last[i] == pytest.approx(loss, rel=1e-3)


def test_training_repeats_to_the_last_bit():
    first, again = train(toy_model()), train(toy_model())
    for name, tensor in first[0].items():
        assert torch.equal(tensor, again[0][name])
    assert first[1].equals(again[1])


@pytest.mark.parametrize("changes", [{"seed": 1}, {"name": "other"}])
def test_seed_and_name_give_other_models(changes):
    first, other = train(toy_model()), train(toy_model(), **changes)
    assert not torch.isclose(first[0]["W"], other[0]["W"]).any()


@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_each_restart_has_samples_of_its_own(engine):
    # all start at nothing and stay there for a few steps: only what they see tells their biases apart
    model, training = {"kind": "linear", "init_std": 1e-30}, {"steps": 3, "log_every": 3, "engine": engine}
    parameters, _ = train(toy_model(restarts=4, model=model, training=training))
    assert parameters["W"].abs().max() < 1e-12
    biases = {tuple(b.tolist()) for b in parameters["b_final"]}
    assert len(biases) == 4


def test_training_lowers_the_held_out_loss():
    experiment = toy_model(
        features={"feature_probability": 0.1}, restarts=4, training={"steps": 300, "learning_rate": 0.01}
    )
    held_out = sample_held_out("tiny", experiment, seed=0)

    def losses(parameters):
        return held_out_losses(
            "relu_output", parameters, held_out, list_instances(experiment)["point"].to_numpy(), torch.ones(4, 5)
        )

    untrained = toy_models.initialise("relu_output", 5, 2, [torch_generator(0, "tiny", "init", i) for i in range(4)])
    trained, history = train(experiment)
    assert (losses(trained) < 0.7 * losses(untrained)).all()
    # A model that ignores everything but the means has the variance of a feature, p / 3 - p^2 / 4.
    assert (losses(trained) < 0.1 / 3 - 0.1**2 / 4).all()
    assert history.groupby("instance")["loss"].agg(lambda losses: losses.iloc[-1] < losses.iloc[0]).all()


@pytest.mark.parametrize("kind", toy_models.KINDS)
@pytest.mark.parametrize("magnitude", ["uniform", "signed_uniform"])
def test_engines_train_every_kind_on_the_same_features(kind, magnitude):
    # The same initial weights and large batches: losses agree to 3 %, which those of the other magnitude do not.
    changes = {"model": {"kind": kind, "init_std": 0.3}, "features": {"magnitude": magnitude}, "restarts": 20}
    training, means = {"steps": 40, "batch_size": 2048, "learning_rate": 0.02}, []
    for engine in ("torch", "auto"):
        experiment = toy_model(**changes, training=training | {"engine": engine})
        parameters, history = train(experiment)
        points = list_instances(experiment)["point"].to_numpy()
        held_out = sample_held_out("tiny", experiment, seed=0)
        means.append(history.groupby("step")["loss"].mean().tolist())
        means[-1].append(held_out_losses(kind, parameters, held_out, points, torch.ones(20, 5)).mean())
    assert means[0] == pytest.approx(means[1], rel=0.03)
    assert means[0][-1] < means[0][0]


def test_initial_weights_have_the_scale_asked_for():
    changes = {"model": {"kind": "absolute_value", "n_features": 40, "n_hidden": 30, "init_std": 0.02}}
    parameters, _ = train(toy_model(**changes, training={"steps": 1, "log_every": 1, "learning_rate": 1e-6}))
    for name in ("W_1", "W_2"):
        assert parameters[name].std().item() == pytest.approx(0.02, rel=0.1)


def test_important_feature_gets_the_only_dimension():
    changes = {"model": {"n_features": 2, "n_hidden": 1}, "importance": {"curve": "geometric", "base": 0.1}}
    parameters, _ = train(toy_model(**changes, restarts=4, training={"steps": 300, "learning_rate": 0.02}))
    norms = parameters["W"].abs()[:, 0]
    assert (norms[:, 0] > 0.8).all()
    assert (norms[:, 1] < 0.3).all()


def test_probability_of_each_instance():
    experiment = toy_model(sweep={"feature_probability": [1.0, 0.25]}, restarts=2)
    expected = torch.tensor([1.0, 1.0, 0.25, 0.25])[:, None].expand(4, 5)
    torch.testing.assert_close(feature_probability(experiment), expected)
    torch.testing.assert_close(
        feature_probability(toy_model(features={"feature_probability": 0.5})), torch.full((2, 5), 0.5)
    )
