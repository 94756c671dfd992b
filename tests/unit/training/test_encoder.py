"""Recurrent encoders and their contexts: against PyTorch, by hand, and interrupted."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from factories import dataset_job, model, started, train_job
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from infoflow.config.jobs import ContextsJob
from infoflow.data import contexts as contexts_data
from infoflow.errors import InputError
from infoflow.models.blstm import Blstm
from infoflow.models.hooks import capture
from infoflow.recording import contexts
from infoflow.storage.hdf5 import read_h5, write_h5
from infoflow.training import encoder
from infoflow.training.folds import fold_split
from infoflow.training.resume import State

SPEAKERS, EACH = 4, 12
BLSTM = {"kind": "blstm", "hidden": 4, "decoder": 5}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Sequences of two classes, four speakers in two sessions."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(SPEAKERS), EACH)
    y = np.arange(len(group)) % 2
    lengths = rng.integers(5, 12, len(group))
    x = rng.standard_normal((lengths.sum(), 3)) + 0.8 * np.repeat(2 * y - 1, lengths)[:, None]
    arrays = {"x": x.astype(np.float32), "offsets": np.concatenate([[0], lengths.cumsum()]), "y": y, "group": group}
    attributes = {
        "classes": 2, "class_names": ["a", "b"], "source": "test", "tier": "T0", "licence": "MIT", "stand_in": True,
    }  # fmt: skip
    path = tmp_path_factory.mktemp("data") / "speech.h5"
    write_h5(path, {**arrays, "validates": np.zeros_like(group)}, attributes)
    return str(path)


def encoder_job(seeds=1, epochs=3, **training):
    given = {
        "loss": "cross_entropy", "optimiser": "adam", "batch_size": 8, "class_weights": True, "positions": 3,
        "divide_loss": True,
    }  # fmt: skip
    return train_job(BLSTM, trainer="encoder", seeds=seeds, epochs=epochs, **given | training)


def test_padded_sequences_give_what_packed_ones_do():
    model = started(Blstm((3,), 4, 5, 2))
    lengths = torch.tensor([7, 3, 5])
    frames = torch.randn(3, 7, 3, generator=torch.Generator().manual_seed(1))
    packed = nn.LSTM(3, 4, bidirectional=True, batch_first=True)
    for name, value in model.states.forwards.named_parameters():
        getattr(packed, name).data.copy_(value)
    for name, value in model.states.backwards.named_parameters():
        getattr(packed, f"{name}_reverse").data.copy_(value)
    out, _ = packed(pack_padded_sequence(frames, lengths, batch_first=True, enforce_sorted=False))
    wanted, _ = pad_packed_sequence(out, batch_first=True)
    with capture(model, {"states": "states", "context": "context"}) as values:
        model(frames, lengths)
    context = values["context"]
    torch.testing.assert_close(values["states"], wanted)
    torch.testing.assert_close(context, wanted.sum(1) / lengths[:, None])
    context.square().sum().backward()
    (wanted.sum(1) / lengths[:, None]).square().sum().backward()
    torch.testing.assert_close(model.states.forwards.weight_ih_l0.grad, packed.weight_ih_l0.grad)
    torch.testing.assert_close(model.states.backwards.weight_hh_l0.grad, packed.weight_hh_l0_reverse.grad)


def test_a_fold_tests_one_speaker_and_validates_on_the_other_of_the_session():
    group = torch.arange(6)
    nobody = torch.zeros_like(group)
    assert fold_split(group, nobody, 2).tolist() == [0, 0, 1, 2, 0, 0]
    assert fold_split(group, nobody, 5).tolist() == [0, 0, 0, 0, 2, 1]
    marked = torch.tensor([1, 0, 1, 0, 1, 0])
    assert fold_split(group, marked, 2).tolist() == [2, 0, 1, 0, 2, 0]  # who is tested does not validate
    with pytest.raises(InputError, match="has 6 speakers"):
        fold_split(group, nobody, 6)


def test_unweighted_accuracy_is_the_mean_recall():
    logits = torch.tensor([[1.0, 0], [1, 0], [1, 0], [0, 1]])
    found = encoder.scores(logits, torch.tensor([0, 0, 0, 0]), torch.ones(2))
    assert found["ua"] == found["accuracy"] == 0.75
    found = encoder.scores(logits, torch.tensor([0, 0, 1, 1]), torch.ones(2))
    assert (found["recall:0"], found["recall:1"], found["ua"]) == (1.0, 0.5, 0.75)


def test_batches_hold_every_training_sequence_once_and_like_lengths(data):
    made = encoder.Sequences(encoder_job(), data)
    made._start()
    batches = made._batches()
    assert sorted(torch.cat(batches).tolist()) == torch.nonzero(made.split == 0).flatten().tolist()
    assert max(int(made.lengths[b].max() - made.lengths[b].min()) for b in batches) < 7


OPTIONS = [
    {"trade_off": math.inf},
    {"trade_off": 5.0},
    {"dropout": 0.3, "l1": 1e-4, "l2": 1e-4, "orthonormal": 1e-3, "clustering_penalty": 0.01},
    {"optimiser": "sgd", "momentum": 0.9, "dropout": 0.3},
]


@pytest.mark.parametrize("done", [1, 3])  # of three batches
@pytest.mark.parametrize("options", OPTIONS, ids=["cross-entropy", "rate", "penalties", "momentum"])
def test_an_interrupted_encoder_ends_as_an_unbroken_one(data, tmp_path, capsys, options, done):
    job = encoder_job(seeds=2, epochs=4, **{"loss": "rate_distortion"} | options)
    encoder.run(job, data, [str(tmp_path / "a")], str(tmp_path / "r"))
    path = tmp_path / "state.safetensors"
    broken = encoder.Sequences(job, data)
    save = broken._save_state

    def stop_in_the_second_network(state):
        save(state)
        if (broken.net, broken.epoch, broken.done) == (1, 2, done):
            raise KeyboardInterrupt

    broken._save_state = stop_in_the_second_network
    with pytest.raises(KeyboardInterrupt):
        broken.train(State(path, 0.0))
    resumed = encoder.Sequences(job, data)
    resumed.train(State(path, 1e9))
    assert "resuming at network 1, epoch 2" in capsys.readouterr().out
    resumed.write([str(tmp_path / "b")], "key")
    one, two = (load_file(tmp_path / name / "weights.safetensors") for name in "ab")
    for name, value in one.items():
        torch.testing.assert_close(value, two[name], rtol=0, atol=0)
    tables = [pd.read_parquet(tmp_path / name / "history.parquet") for name in "ab"]
    pd.testing.assert_frame_equal(*tables)


def test_the_best_epoch_on_the_validating_speaker_is_kept(data, tmp_path):
    encoder.run(encoder_job(epochs=5), data, [str(tmp_path)], str(tmp_path / "r"))
    history = pd.read_parquet(tmp_path / "history.parquet")
    wide = history.pivot_table(index="epoch", columns=["split", "metric"], values="value")
    chosen = int(wide["valid"]["chosen"].dropna().iloc[0])
    assert wide["valid"]["ua"][1:].max() == wide["valid"]["ua"][chosen]
    made = encoder.Sequences(encoder_job(), data)
    made._start()
    stored = load_file(tmp_path / "weights.safetensors")
    own = {k.removeprefix("5/"): v for k, v in stored.items() if k.startswith("5/")}
    made.model.load_state_dict({name: value[0] for name, value in own.items()})
    assert made.evaluate("test")["ua"] == pytest.approx(wide["test"]["ua"][chosen])


def test_contexts_and_their_scale(data, tmp_path):
    encoder.run(encoder_job(), data, [str(tmp_path)], str(tmp_path / "r"))
    job = ContextsJob(experiment="e", folds=[0], model=model(**BLSTM))
    contexts.run(job, [str(tmp_path / "weights.safetensors")], data, [str(tmp_path / "fold0.h5")])
    arrays, _ = read_h5(tmp_path / "fold0.h5")
    assert arrays["x"].shape == (SPEAKERS * EACH, 8)
    files = [str(tmp_path / "fold0.h5")] * 2

    def scaled(scale):
        given = dataset_job("contexts", name="c", experiment="e", scale=scale)
        return contexts_data.make(given.model_copy(update={"inputs": files}))

    for scale in ("none", "unit_norm", "zscore"):
        made, _ = scaled(scale)
        own = made["x"][0][made["split"][0] == 0]
        if scale == "unit_norm":
            np.testing.assert_allclose(np.linalg.norm(own, axis=1), 1, rtol=1e-5)
        if scale == "zscore":
            np.testing.assert_allclose(own.std(0), 1 / math.sqrt(8), rtol=1e-3)
    made, attributes = scaled("auto")
    assert attributes["scale"] == contexts_data.choose(json.loads(attributes["scales"]))


def test_the_scale_is_the_first_inside_the_band():
    assert contexts_data.choose({"none": 0.99, "unit_norm": 0.4, "zscore": 0.6}) == "unit_norm"
    assert contexts_data.choose({"none": 0.99, "unit_norm": 0.1, "zscore": 0.97}) == "zscore"
