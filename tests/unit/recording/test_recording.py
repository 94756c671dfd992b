"""Recordings: a kept file against weights, error signals against each sample alone, parts and batches of samples."""

import factories
import h5py
import numpy as np
import pytest
import torch
from factories import dataset_job, estimate_job, save_networks, started

from infoflow.config.jobs import RecordedPasses, RecordJob
from infoflow.data import stage as data_stage
from infoflow.errors import InputError
from infoflow.models import build
from infoflow.recording import record, recording
from infoflow.recording.recording import FromFile, FromWeights
from infoflow.recording.samples import Probe, evenly_spaced, mini_batches
from infoflow.storage.hdf5 import write_h5

NOISY = {"kind": "mlp", "layers": [12, 4, 3, 2], "activations": ["tanh", "tanh", "linear"], "noise_std": 0.1}


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """Two noisy networks on the 12-bit task at two snapshots, from weights and from a kept file."""
    folder = tmp_path_factory.mktemp("noisy")
    data_stage.run(dataset_job("szt12"), str(folder / "data.h5"))
    networks = {k: [started(build(factories.model(**NOISY), (12,)), 10 * k + s) for s in range(2)] for k in (0, 5)}
    save_networks(folder / "w.safetensors", networks)
    passes = RecordedPasses(count=3, conditional=4, conditional_inputs=5, epochs={0: [5]})
    job = estimate_job({"kind": "binning"}, NOISY, seeds=2, snapshots=[0, 5], replicas=passes)
    names = set(RecordJob.model_fields) - {"point"}
    record.run(
        RecordJob(point="p", **{name: getattr(job, name) for name in names}),
        str(folder / "w.safetensors"),
        str(folder / "data.h5"),
        str(folder / "kept.h5"),
    )
    probe = Probe(str(folder / "data.h5"))
    weights = FromWeights(job, str(folder / "w.safetensors"), probe)
    return weights, FromFile(job, str(folder / "kept.h5"), probe), networks, folder


def test_a_kept_file_holds_what_the_networks_give(noisy):
    weights, kept, networks, _ = noisy
    index = torch.arange(0, 4096, 3)
    assert kept.layers == weights.layers == ["T1", "T2"]
    for seed, snapshot in ((0, 0), (1, 5)):
        ours, theirs = (dict(one.values(seed, snapshot, index, one.layers)) for one in (weights, kept))
        for layer in weights.layers:
            assert torch.equal(ours[layer], theirs[layer])
            assert ours[layer].dtype == torch.float64
            for mine, other in zip(*(one.moments(seed, snapshot, layer) for one in (weights, kept)), strict=True):
                torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)
    x = weights.samples(0).inputs(index)[0].double()
    first = networks[0][0].double()
    assert torch.allclose(dict(weights.values(0, 0, index, ["T1"]))["T1"][:, 0], torch.tanh(first.W1(x)))


def test_noisy_passes_are_recorded_where_they_are_asked_for(noisy):
    weights, kept, _, _ = noisy
    assert weights.passes(0, 0, "T1") == kept.passes(0, 0, "T1") == {}
    for layer, width in (("T1", 4), ("T2", 3)):
        ours, theirs = (one.passes(0, 5, layer) for one in (weights, kept))
        assert ours["replicas"].shape == (3, 4096, width)
        assert ours["conditional"].shape == (4, 5, width)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    first = weights.passes(0, 5, "T1")["replicas"]  # before its own noise a first layer is the same in every pass
    torch.testing.assert_close(first[0], first[1], atol=1e-6, rtol=0)
    second = weights.passes(0, 5, "T2")["replicas"]
    assert float((second[0] - second[1]).abs().max()) > 0.01


def test_what_a_file_does_not_hold_is_named(noisy):
    _, kept, _, folder = noisy
    with pytest.raises(InputError, match="holds nothing of seed 0, snapshot 3, layer T1"):
        list(kept.values(0, 3, torch.arange(4), ["T1"]))
    with pytest.raises(InputError, match="a file of activations holds none"):
        kept.errors(0, 0, torch.arange(4))
    with pytest.raises(InputError, match="T9 not among T1, T2"):
        kept.chosen(["T9"])
    (folder / "torn.h5").write_bytes((folder / "kept.h5").read_bytes()[:2000])
    with pytest.raises(InputError, match="torn.h5: damaged"):
        FromFile(kept_job(), str(folder / "torn.h5"), kept.probe)
    with h5py.File(folder / "kept.h5") as file:
        assert "labels" not in file  # they are those of the data set


def kept_job():
    return estimate_job({"kind": "binning"}, NOISY)


CNN = {"kind": "cnn", "filters": [2, 3], "dense": [8, 6], "classes": 10, "padding": [2, 0], "observe": "layers"}


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("activation", ["sigmoid", "relu", "tanh"])
def test_error_signals_are_those_of_each_sample_alone(activation, pooling, tmp_path, monkeypatch):
    draw = np.random.default_rng(1)
    y = draw.integers(10, size=5)
    arrays = {"x": draw.random((5, 1, 28, 28), np.float32), "y": y, "split": np.zeros(5, np.uint8)}
    write_h5(tmp_path / "data.h5", arrays, {"classes": 10})
    section = CNN | {"activation": activation, "pooling": pooling}
    save_networks(tmp_path / "w.safetensors", {0: [started(build(factories.model(**section), (1, 28, 28)))]})
    one = FromWeights(
        estimate_job({"kind": "renyi"}, section), str(tmp_path / "w.safetensors"), Probe(str(tmp_path / "data.h5"))
    )
    one.network.double().precision = torch.float64
    index = torch.arange(5)
    values, errors = dict(one.values(0, 0, index, one.layers)), one.errors(0, 0, index)
    assert list(errors) == [*one.layers, "output"]
    with torch.no_grad():
        output = one.network(torch.from_numpy(arrays["x"]).double())
    torch.testing.assert_close(
        errors["output"][:, 0], output.softmax(1) - torch.nn.functional.one_hot(torch.from_numpy(y), 10)
    )
    for i in range(5):
        alone = one.errors(0, 0, index[i : i + 1])
        for layer, value in values.items():
            torch.testing.assert_close(alone[layer][0], errors[layer][i])
            # a small step along one unit of the layer changes this sample's loss by δ (maxima over zeros have a kink)
            largest = int(value[i].argmax())
            for unit in {largest} if activation == "relu" else {largest, value[i].numel() // 2}:
                expected = errors[layer][i].flatten()[unit]
                torch.testing.assert_close(slope(one, arrays, i, layer, unit), expected, rtol=1e-4, atol=1e-8)
    monkeypatch.setattr(recording, "BLOCK", 1)  # one input at a time
    in_blocks = one.errors(0, 0, index)
    assert all(torch.allclose(in_blocks[name], value) for name, value in errors.items())


def slope(one, arrays, i, layer, unit, step=1e-6):
    """Central difference of sample i's loss in one unit of a layer."""
    module = dict(one.network.named_modules())[one.network.layers[layer]]
    x, y = torch.from_numpy(arrays["x"][i : i + 1]).double(), torch.from_numpy(arrays["y"][i : i + 1])
    losses = []
    for sign in (1, -1):

        def shifted(module, inputs, output, sign=sign):
            changed = output.clone()
            changed.view(-1)[unit] += sign * step
            return changed

        handle = module.register_forward_hook(shifted)
        with torch.no_grad():
            losses.append(torch.nn.functional.cross_entropy(one.network(x), y))
        handle.remove()
    return (losses[0] - losses[1]) / (2 * step)


def test_parts_of_the_samples(tmp_path):
    arrays = {
        "x": np.eye(6, dtype=np.float32),
        "y": np.array([5, 5, 7, 7, 9, 9]),
        "split": np.array([0, 0, 1, 1, 2, 0], np.uint8),
    }
    write_h5(tmp_path / "data.h5", arrays, {"classes": 3})
    samples = Probe(str(tmp_path / "data.h5")).samples(0)
    assert samples.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert [samples.part(name).tolist() for name in ("all", "train", "test")] == [
        [0, 1, 2, 3, 4, 5],
        [0, 1, 5],
        [2, 3, 4],
    ]
    assert evenly_spaced(torch.arange(10), 4).tolist() == [0, 3, 6, 9]
    assert evenly_spaced(torch.arange(3), 4).tolist() == [0, 1, 2]
    write_h5(tmp_path / "other.h5", arrays | {"split": np.zeros(6, np.uint8)}, {})
    other = Probe(str(tmp_path / "other.h5")).samples(0)
    assert other.labels is None  # targets without classes are continuous
    with pytest.raises(InputError, match="samples: test: the data set has no such samples"):
        other.part("test")


def test_each_seed_has_its_own_draw_or_its_fold(tmp_path):
    x = np.arange(12, dtype=np.float32).reshape(3, 4, 1)
    write_h5(tmp_path / "drawn.h5", {"x": x, "y": x[..., 0] > 5, "split": np.zeros(4, np.uint8)}, {"classes": 2})
    drawn = Probe(str(tmp_path / "drawn.h5"))
    assert drawn.input_shape == (1,)
    assert [drawn.samples(seed).inputs(torch.arange(4))[0][0, 0].item() for seed in range(3)] == [0, 4, 8]
    split = np.array([[0, 0, 1, 2], [1, 2, 0, 0], [0, 1, 2, 0]], np.uint8)
    write_h5(tmp_path / "folds.h5", {"x": x, "y": np.arange(4) % 2, "split": split}, {"classes": 2})
    folds = Probe(str(tmp_path / "folds.h5"))
    assert folds.samples(4) is folds.samples(1)
    assert folds.samples(4).part("train").tolist() == [2, 3]
    frames = np.arange(20, dtype=np.float32).reshape(10, 2)
    arrays = {
        "x": frames,
        "offsets": np.array([0, 3, 4, 8, 10]),
        "y": np.arange(4) % 2,
        "group": np.arange(4),
        "validates": np.zeros(4, int),
    }
    write_h5(tmp_path / "sequences.h5", arrays, {"classes": 2})
    sequences = Probe(str(tmp_path / "sequences.h5"))
    assert sequences.input_shape == (2,)
    assert sequences.samples(2).part("test").tolist() == [2, 3]  # the speaker, and the other of the session
    given, lengths = sequences.samples(0).inputs(torch.tensor([1, 3]))
    assert given.shape == (2, 2, 2)
    assert lengths.tolist() == [1, 2]
    assert sequences.samples(0).vectors(torch.tensor([1, 3])).tolist() == [[6, 7, 0, 0], [16, 17, 18, 19]]


def test_probe_batches_hold_samples_once_each():
    part = torch.arange(50, 120)
    batches = mini_batches(part, 5, 20, torch.Generator().manual_seed(0))  # three fit the part
    assert batches.shape == (5, 20)
    assert bool((batches >= 50).all())
    assert len(batches[:3].unique()) == 60
    assert all(len(batch.unique()) == 20 for batch in batches)
    with pytest.raises(InputError, match="holds 70 samples; take smaller batches"):
        mini_batches(part, 1, 71, torch.Generator())
