"""Recordings of a loop of one's own: what is recorded, what is refused, and that the model does not notice."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import infoflow
from infoflow.errors import InputError
from infoflow.estimators import kde

N = 40
pytestmark = pytest.mark.filterwarnings("ignore::infoflow.estimators.EstimatorWarning")


class Net(nn.Module):
    """Convolution, normalisation, dropout, one activation that is called twice, a layer that no pass calls."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.norm = nn.BatchNorm2d(3)
        self.act = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(3 * 16, 5)
        self.out = nn.Linear(5, 3)
        self.unused = nn.Linear(5, 3)

    def forward(self, x):
        x = self.act(self.norm(self.conv(x))).flatten(1)
        return self.out(self.act(self.fc(self.drop(x))))


@pytest.fixture
def net():
    torch.manual_seed(3)
    return Net()


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(N, 1, 6, 6, generator=generator), torch.arange(N) % 3


def values(recording, epoch, layer, part="all"):
    index = recording.given.part(part)
    return dict(recording.values(recording.seed, epoch, index, [layer]))[layer]


def test_layers_lists_what_a_pass_calls(net, data):
    table = infoflow.layers(net, data[0][:2]).set_index("name")
    assert list(table.index) == ["conv", "norm", "act", "drop", "fc", "act#2", "out"]
    assert table.loc["act", "shape"] == (3, 4, 4)
    assert table.loc["act#2", "shape"] == (5,)
    assert list(table.index[table["taken"]]) == ["conv", "norm", "act", "fc", "act#2", "out"]  # dropout changes nothing
    assert table.loc["fc", "parameters"] == 3 * 16 * 5 + 5


def test_values_are_those_of_the_module_in_evaluation_mode(net, data):
    x, y = data
    with infoflow.record(net, batch_size=7) as recording:
        recording.snapshot(0, x, y)
    net.eval()
    with torch.no_grad():
        conv = net.conv(x)
        hidden = net.fc(torch.relu(net.norm(conv)).flatten(1))
    torch.testing.assert_close(values(recording, 0, "conv"), conv.flatten(2))
    torch.testing.assert_close(values(recording, 0, "fc"), hidden[:, None])
    torch.testing.assert_close(values(recording, 0, "act#2"), hidden.relu()[:, None])  # in place, and seen all the same


def test_the_model_is_left_as_it_was(net, data):
    net.train()
    net.norm.eval()  # a mode of its own
    net.conv.weight.requires_grad_(False)
    net(data[0]).sum().backward()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    gradients = {name: None if p.grad is None else p.grad.clone() for name, p in net.named_parameters()}
    state, modes = torch.get_rng_state(), [module.training for module in net.modules()]
    with infoflow.record(net) as recording:
        recording.snapshot(0, *data)
        with pytest.raises(InputError):
            recording.snapshot(1, data[0][:7], data[1][:7])
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    for name, parameter in net.named_parameters():
        assert gradients[name] is parameter.grad or torch.equal(gradients[name], parameter.grad)
    assert torch.equal(state, torch.get_rng_state())
    assert modes == [module.training for module in net.modules()]
    assert not any(module._forward_hooks for module in net.modules())
    assert not net.conv.weight.requires_grad
    assert torch.is_grad_enabled()


def test_buffers_that_a_pass_changes_are_put_back(data):
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(36, 2)
            self.register_buffer("passes", torch.zeros(()))

        def forward(self, x):
            self.passes = self.passes + 1
            return self.fc(x.flatten(1))

    counting = Counting()
    with infoflow.record(counting) as recording:
        recording.snapshot(0, *data)
    assert counting.passes == 0
    assert counting.state_dict()["passes"] == 0


def test_a_training_is_the_same_with_and_without_a_recording(data):
    def trained(record):
        torch.manual_seed(0)
        net = Net()
        optimiser = torch.optim.SGD(net.parameters(), 0.1)
        with infoflow.record(net, estimate=["kde"]) as recording:
            for epoch in range(3):
                if record:
                    recording.snapshot(epoch, *data)
                optimiser.zero_grad()
                nn.functional.cross_entropy(net(data[0]), data[1]).backward()
                optimiser.step()
        return net.state_dict()

    one, other = trained(True), trained(False)
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("split", [None, "train"])
def test_samples_must_stay_the_same(net, data, split):
    x, y = data
    options = {} if split is None else {"split": split}
    with infoflow.record(net, ["fc"]) as recording:
        recording.snapshot(0, x, y, **options)
        for other in ((x + 1, y), (x.flip(0), y), (x, y.flip(0)), (x, None)):
            with pytest.raises(InputError, match="the same samples"):
                recording.snapshot(1, *other, **options)
        recording.snapshot(1, x.clone(), y.clone(), **options)
    assert recording.epochs == {0: [0, 1]}


def test_train_and_test_are_recorded_side_by_side(net, data):
    x, y = data
    with infoflow.record(net, ["fc"]) as recording:
        for epoch in range(3):
            recording.snapshot(epoch, x[:25], y[:25], split="train")
            recording.snapshot(epoch, x[25:], y[25:], split="test")
    assert values(recording, 2, "fc", "test").shape == (15, 1, 5)
    torch.testing.assert_close(
        values(recording, 2, "fc"), torch.cat([values(recording, 2, "fc", p) for p in ("train", "test")])
    )
    table = infoflow.estimate(recording, [{"kind": "kde", "variances": [0.1]}])
    assert set(table["samples"]) == {"train", "test"}
    assert set(table.loc[table["samples"] == "train", "n"]) == {25}
    with infoflow.record(net) as other:
        other.snapshot(0, x, y)
        with pytest.raises(InputError, match="do not go together"):
            other.snapshot(0, x, y, split="test")


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (["cnov"], "nearest: conv"),
        (["unused"], "no pass in evaluation mode calls this module"),
        (["fc", "fc"], "stands there twice"),
        (["act#3"], "it is called 2 times in a pass"),
        (["fc[1]"], "fc returns 1 tensors, counted from 0"),
        ([], "name some of infoflow.layers"),
    ],
)
def test_layers_that_are_not_there(net, data, layers, message):
    with infoflow.record(net, layers) as recording, pytest.raises(InputError, match=message):
        recording.snapshot(0, *data)
    assert not any(module._forward_hooks for module in net.modules())


def test_a_module_that_is_called_twice_gives_both(net, data):
    with infoflow.record(net, ["act", "output"]) as recording:
        recording.snapshot(0, *data)
    assert recording.layers == ["act", "act#2", "output"]
    net.eval()
    torch.testing.assert_close(values(recording, 0, "output"), net(data[0]).detach()[:, None])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.zeros(N, 3), "one label for each of 40 samples"),
        (torch.zeros(7), "one label for each of 40 samples"),
        (["a", None] * 20, None),
    ],
)
def test_labels_that_do_not_fit(net, data, labels, message):
    with infoflow.record(net) as recording:
        if message is None:
            recording.snapshot(0, data[0], np.array(["a", "b"] * 20))
            assert recording.given.classes == ["a", "b"]
            return
        with pytest.raises(InputError, match=message):
            recording.snapshot(0, data[0], labels)


@pytest.mark.parametrize("epoch", [-1, 0.5, "one", None, True])
def test_epochs_that_are_none(net, data, epoch):
    with infoflow.record(net) as recording, pytest.raises(InputError, match="whole number from 0"):
        recording.snapshot(epoch, *data)


def test_a_closed_recording_takes_no_snapshot(net, data):
    with infoflow.record(net) as recording:
        recording.snapshot(0, *data)
    with pytest.raises(InputError, match="closed"):
        recording.snapshot(1, *data)


def test_what_is_no_module_and_no_input(net, data):
    with pytest.raises(InputError, match=r"expected a torch\.nn\.Module"):
        infoflow.record(lambda x: x)
    with infoflow.record(net) as recording, pytest.raises(InputError, match="DataLoader"):
        recording.snapshot(0, torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*data)))


def test_memory_is_limited_before_a_pass(net, data):
    with infoflow.record(net, memory=1000) as recording, pytest.raises(InputError, match="stream to disk"):
        recording.snapshot(0, *data)
    assert recording.epochs == {0: []}


def test_layers_stand_in_the_order_of_a_pass(net, data):
    for asked in (["out", "act", "conv", "fc"], {"d": "out", "a": "act", "b": "conv", "c": "fc"}):
        with infoflow.record(net, asked) as recording:
            recording.snapshot(0, *data)
        paths = list(recording.paths.values())
        assert paths == (
            ["conv", "act", "fc", "act#2", "out"] if isinstance(asked, list) else ["conv", "act", "fc", "out"]
        )


def test_a_part_may_be_recorded_less_often(net, data):
    x, y = data
    with infoflow.record(net, ["fc"]) as recording:
        for epoch in range(6):
            recording.snapshot(epoch, x[:20], y[:20], split="train")
            if epoch % 2 == 0:
                recording.snapshot(epoch, x[20:], y[20:], split="test")
    table = infoflow.estimate(recording, [{"kind": "kde", "variances": [0.1]}])
    epochs = table.groupby("samples")["epoch"].unique()
    assert sorted(epochs["train"]) == list(range(6))
    assert sorted(epochs["test"]) == [0, 2, 4]
    whole = infoflow.estimate(recording, [{"kind": "kde", "variances": [0.1]}], samples=["all"])
    assert sorted(whole["epoch"].unique()) == [0, 2, 4]


def test_a_restarted_loop_replaces_what_came_later(net, data, tmp_path):
    asked = ["kde"]
    with infoflow.record(net, ["fc"], to=tmp_path / "a", estimate=asked) as recording:
        for epoch in range(5):
            recording.snapshot(epoch, *data)
    with torch.no_grad():
        net.fc.weight.mul_(2)
    with infoflow.record(net, ["fc"], to=tmp_path / "a", estimate=asked) as again:
        again.snapshot(2, *data)
    assert again.epochs == {0: [0, 1, 2]}
    assert sorted(again.table["epoch"].unique()) == [0, 1, 2]
    before, after = (table[table["epoch"] == 1].reset_index(drop=True) for table in (recording.table, again.table))
    pd.testing.assert_frame_equal(before, after)  # the widths are those of the first snapshot
    net.fc = nn.Linear(3 * 16, 6)
    net.out = nn.Linear(6, 3)
    with (
        infoflow.record(net, ["fc"], to=tmp_path / "a") as other,
        pytest.raises(InputError, match="holds other shapes"),
    ):
        other.snapshot(3, *data)


def test_what_cannot_be_estimated_is_said_before_training(net):
    with pytest.raises(InputError, match=r"did you mean 'kde'\?"):
        infoflow.record(net, estimate=["kdee"])


def test_maps_of_one_dimension_are_pooled_over_their_places():
    net, x = nn.Sequential(nn.Conv1d(2, 5, 3)), torch.randn(N, 2, 9)
    with infoflow.record(net, ["0"], pool="mean") as recording:
        recording.snapshot(0, x)
    torch.testing.assert_close(values(recording, 0, "0")[:, 0], net(x).detach().mean(2))


def test_rows_that_are_no_samples_are_left_out_of_the_leaves():
    class Placed(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.places, self.out = nn.Embedding(7, 4), nn.Embedding(5, 4), nn.Linear(4, 2)

        def forward(self, x):
            return self.out((self.tokens(x) + self.places(torch.arange(5)[None])).mean(1))

    with infoflow.record(Placed()) as recording:
        recording.snapshot(0, torch.randint(7, (N, 5)))
    assert recording.layers == ["tokens", "out"]


def test_padded_sequences_of_a_transformer():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1)
    mask = torch.arange(5)[None] >= torch.arange(1, N + 1)[:, None].clamp(max=5)
    inputs = {"src": torch.randn(N, 5, 8), "src_key_padding_mask": mask}
    with infoflow.record(encoder, ["layers.0"], pool="first") as recording:
        recording.snapshot(0, inputs)
    assert values(recording, 0, "layers.0").shape == (N, 1, 8)
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_folder_holds_the_same_and_is_gone_on_with(net, data, tmp_path):
    folder = tmp_path / "recorded"
    with infoflow.record(net, ["conv", "fc"]) as kept, infoflow.record(net, ["conv", "fc"], to=folder) as streamed:
        for recording in (kept, streamed):
            recording.snapshot(0, *data)
    with infoflow.record(net, ["conv", "fc"], to=folder) as again:
        again.snapshot(3, *data)
        with pytest.raises(InputError, match="the same samples"):
            again.snapshot(4, data[0] * 2, data[1])
    with infoflow.record(net, ["conv", "fc"]) as kept:
        kept.snapshot(0, *data)
        kept.snapshot(3, *data)
    asked = [{"kind": "kde", "variances": [0.1]}]
    pd.testing.assert_frame_equal(infoflow.estimate(kept, asked), infoflow.estimate(str(folder), asked))
    with infoflow.record(net, ["conv"], to=folder) as other, pytest.raises(InputError, match="take another folder"):
        other.snapshot(5, *data)
    with pytest.raises(InputError, match="holds no recording"):
        infoflow.estimate(tmp_path)


def test_a_damaged_folder_is_named(net, data, tmp_path):
    with infoflow.record(net, ["fc"], to=tmp_path / "a") as recording:
        recording.snapshot(0, *data)
    (tmp_path / "a" / "recording.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"recording\.json: damaged"):
        infoflow.estimate(tmp_path / "a")


def test_estimates_at_each_snapshot_equal_those_made_afterwards(net, data):
    asked = ["kde", {"kind": "binning", "relative": [0.3]}, {"kind": "knn", "neighbour": 2}]
    with infoflow.record(net) as kept, infoflow.record(net, estimate=asked) as at_once:
        for epoch in range(3):
            for recording in (kept, at_once):
                recording.snapshot(epoch, *data)
            with torch.no_grad():
                net.fc.weight.mul_(1.5)
    order = ["estimator", "settings", "layer", "quantity", "kind", "epoch"]
    both = [table.sort_values(order, ignore_index=True) for table in (infoflow.estimate(kept, asked), at_once.table)]
    pd.testing.assert_frame_equal(*both)
    with pytest.raises(InputError, match="keeps no values"):
        infoflow.estimate(at_once, ["kde"])
    with pytest.raises(InputError, match="nothing was estimated"):
        _ = kept.table


@pytest.mark.parametrize("how", ["mean", "max", "first", "last"])
def test_sequences_and_maps_are_pooled(how):
    lstm = nn.LSTM(4, 6, batch_first=True)
    x = torch.randn(N, 9, 4)
    with infoflow.record(lstm, ["output"], pool=how) as recording:
        recording.snapshot(0, x)
    states = lstm(x)[0].detach()
    expected = {"mean": states.mean(1), "max": states.amax(1), "first": states[:, 0], "last": states[:, -1]}[how]
    torch.testing.assert_close(values(recording, 0, "output")[:, 0], expected)
    conv = nn.Sequential(nn.Conv2d(1, 3, 3))
    images = torch.randn(N, 1, 6, 6)
    with infoflow.record(conv, ["0"], pool={"0": how}) as recording:
        recording.snapshot(0, images)
    maps = conv(images).detach().flatten(2)
    expected = {"mean": maps.mean(2), "max": maps.amax(2), "first": maps[..., 0], "last": maps[..., -1]}[how]
    torch.testing.assert_close(values(recording, 0, "0")[:, 0], expected)


def test_parts_of_an_output_and_a_function_that_puts_samples_first():
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(4, 6)  # time comes first

        def forward(self, x):
            return self.lstm(x.transpose(0, 1))[0][-1]

    net, x = Wrapped(), torch.randn(N, 9, 4)
    with (
        infoflow.record(net, ["lstm"]) as recording,
        pytest.raises(InputError, match="the first axis must be the samples"),
    ):
        recording.snapshot(0, x)
    with infoflow.record(net, ["lstm", "lstm[1]"], pool=lambda t: t[-1]) as recording:
        recording.snapshot(0, x)
    torch.testing.assert_close(values(recording, 0, "lstm"), values(recording, 0, "lstm[1]"))
    with pytest.raises(InputError, match="expected mean, max, first, last"):
        infoflow.record(net, pool="average")


def test_a_transformer_is_seen_inside():
    torch.manual_seed(0)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
    x = torch.randn(N, 5, 8)
    table = infoflow.layers(encoder, x[:2]).set_index("name")
    assert {"layers.0.self_attn", "layers.1.linear2"} <= set(table.index[table["taken"]])
    assert not table["taken"].get("layers.0.self_attn.out_proj", False)  # its weights are used, it is not called
    with infoflow.record(encoder, ["layers.0.self_attn", "layers.1"], pool="mean") as recording:
        recording.snapshot(0, x)
    encoder.eval()
    torch.testing.assert_close(
        values(recording, 0, "layers.1")[:, 0], encoder(x).detach().mean(1), atol=1e-5, rtol=1e-4
    )


def test_compiled_modules_are_seen_inside(net, data):
    compiled = torch.compile(net, backend="eager")
    compiled(data[0])
    with infoflow.record(compiled, ["fc"]) as one, infoflow.record(net, ["fc"]) as other:
        one.snapshot(0, *data)
        other.snapshot(0, *data)
    assert torch.equal(values(one, 0, "fc"), values(other, 0, "fc"))
    assert infoflow.layers(nn.DataParallel(net), data[0][:2])["name"].tolist()[0] == "conv"


def test_inputs_of_several_tensors_and_by_name(data):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(36, 2)

        def forward(self, image, scale, offset=None):
            return {"logits": self.fc(image.flatten(1) * scale[:, None]) + (0 if offset is None else offset[:, None])}

    net, scale = Two(), torch.rand(N)
    with infoflow.record(net, ["fc", "output"]) as recording:
        recording.snapshot(0, (data[0], scale), data[1])
    with infoflow.record(net, ["fc", "output"]) as by_name:
        by_name.snapshot(0, {"image": data[0], "scale": scale, "offset": torch.zeros(N)}, data[1])
    torch.testing.assert_close(values(recording, 0, "output"), values(by_name, 0, "output"))
    with infoflow.record(net) as other, pytest.raises(InputError, match="the same number of samples"):
        other.snapshot(0, (data[0], scale[:5]), data[1])


def test_precision_of_layers():
    net = nn.Sequential(nn.Linear(3, 4)).to(torch.bfloat16)
    x = torch.randn(N, 3, dtype=torch.bfloat16)
    with infoflow.record(net, ["0"]) as recording:
        recording.snapshot(0, x)
    assert values(recording, 0, "0").dtype == torch.float32


def test_arrays_are_taken_as_tensors(net, data):
    with infoflow.record(net, ["fc"]) as one, infoflow.record(net, ["fc"]) as other:
        one.snapshot(0, *data)
        other.snapshot(0, data[0].numpy(), data[1].numpy())
    assert torch.equal(values(one, 0, "fc"), values(other, 0, "fc"))


def test_updates_give_epochs_with_fractions(net, data):
    with infoflow.record(net, ["fc"], steps_per_epoch=4) as recording:
        for update in (0, 2, 6):
            recording.snapshot(update, *data)
    table = infoflow.estimate(recording, [{"kind": "kde", "variances": [0.1]}])
    assert sorted(table["epoch"].unique()) == [0, 0.5, 1.5]
    assert sorted(table["step"].unique()) == [0, 2, 6]


def test_a_recording_of_a_folder_says_what_it_holds(net, data, tmp_path):
    with infoflow.record(net, ["fc"], to=tmp_path) as recording:
        recording.snapshot(2, *data)
    facts = json.loads((tmp_path / "recording.json").read_text(encoding="utf-8"))
    assert facts["layers"] == ["fc"]
    assert facts["snapshots"] == {"all": [2]}
    assert facts["shapes"] == {"fc": [1, 5]}


def test_estimates_are_those_of_the_functions(net, data):
    x, y = data
    with infoflow.record(net, ["fc"]) as recording:
        recording.snapshot(0, x, y)
    table = infoflow.estimate(recording, [{"kind": "kde", "variances": [0.2]}])
    row = table[(table["quantity"] == "I_XT") & (table["kind"] == "upper")].iloc[0]
    expected = kde.table(values(recording, 0, "fc")[:, 0].double(), y, [0.2])["input_upper"][0]
    assert row["value"] == pytest.approx(float(expected), rel=1e-12)
