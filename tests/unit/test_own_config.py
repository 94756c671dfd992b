"""Studies of one's own in the config: generated controls, functions beside the config, figures, and the overlay that `new` writes."""

import os

import pytest
import yaml
from factories import ROOT

from infoflow import studies
from infoflow.cli import main
from infoflow.config.loading import read_default
from infoflow.errors import InputError
from infoflow.plan import Plan
from infoflow.runtime import new

NETS = "from torch import nn\n\n\ndef build(input_shape, classes):\n    return nn.Linear(input_shape[0], classes)\n"
STUDY = {
    "results": "results-mine", "only": ["mine"], "documents": {"mine": {"title": "Mine"}},
    "experiments": {
        "net": {
            "document": "mine", "dataset": "szt12", "model": {"kind": "python", "function": "nets_beside:build"},
            "snapshots": {"log_spaced": 3}, "controls": ["shuffled", "untrained"], "estimators": ["kde", "knn", "own"],
        }
    },
    "estimators": {"own": {"kind": "python", "function": "nets_beside:build"}},
}  # fmt: skip


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """The plan of an overlay beside which `nets_beside.py` lies."""
    monkeypatch.chdir(ROOT)
    (tmp_path / "nets_beside.py").write_text(NETS, encoding="utf-8")

    def made(**changes):
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(STUDY | changes), encoding="utf-8")
        plan = Plan(read_default(tmp_path / "mine.yaml"))
        plan.check()
        return plan

    return made


def test_controls_are_experiments_that_differ_in_their_training_alone(planned):
    config = planned().config
    net, shuffled, untrained = (config.experiments[name] for name in ("net", "net_shuffled", "net_untrained"))
    assert shuffled.training.labels == "shuffled"
    assert untrained.training.frozen
    for control in (shuffled, untrained):
        changes = {"training": net.training, "controls": net.controls}
        assert control.model_copy(update=changes) == net


def test_a_control_takes_no_name_that_is_taken_and_repeats_no_fault(planned):
    net = STUDY["experiments"]["net"]
    with pytest.raises(InputError, match="there is an experiment net_shuffled already"):
        planned(experiments={"net": net, "net_shuffled": net | {"controls": []}})
    with pytest.raises(InputError) as caught:
        planned(experiments={"net": net | {"sneeds": 3}})
    assert str(caught.value).count("unknown key") == 1
    with pytest.raises(InputError, match="controls"):
        planned(experiments={"net": net | {"controls": 5}})


def test_checkpoints_take_no_controls_and_no_network_of_ours(planned):
    net = STUDY["experiments"]["net"] | {"training": {"checkpoints": "runs/*.pt"}}
    with pytest.raises(InputError, match="nothing is trained here"):
        planned(experiments={"net": net})
    with pytest.raises(InputError, match="of networks of kind python, not cnn"):
        planned(experiments={"net": net | {"controls": [], "model": {"kind": "cnn"}}})


def test_a_function_beside_the_overlay_is_found_and_is_an_input(planned, tmp_path):
    plan = planned()
    own = str(tmp_path / "nets_beside.py")
    assert plan.config.experiments["net"].model.folder == str(tmp_path)
    assert plan.config.estimators["own"].folder == str(tmp_path)
    assert own in plan.train_sources("net")
    assert all(own in plan.group_sources(group) for group in plan.estimate_groups())


def test_a_module_that_is_nowhere_is_named_before_anything_runs(planned):
    experiments = {
        "net": STUDY["experiments"]["net"] | {"model": {"kind": "python", "function": "absent_module:build"}}
    }
    with pytest.raises(
        InputError, match=r"experiments\.net\.model: function 'absent_module:build': no module absent_module"
    ):
        planned(experiments=experiments)
    with pytest.raises(InputError, match=r"estimators\.own"):
        planned(estimators={"own": {"kind": "python", "function": "absent_module:f"}})


def test_a_study_has_the_figures_that_its_estimators_can_fill(planned):
    plan = planned()
    assert list(plan.figures_of("mine")) == [
        f"net-base-{kind}" for kind in ("training", "trajectories", "plane", "agreement")
    ]
    assert plan.notebook_source("mine") == "notebooks/your_own.ipynb"
    assert studies.is_study("mine")
    assert not studies.is_study("kong2019")
    job = plan.claims_settings("mine").experiments["net"]
    assert job.controls == ["net_shuffled", "net_untrained"]
    assert job.estimators == ["kde", "knn", "own"]


def test_a_study_without_experiments_is_refused(planned):
    with pytest.raises(InputError, match=r"documents\.empty: a study without experiments"):
        planned(documents={"mine": {"title": "Mine"}, "empty": {"title": "Empty"}}, only=["mine", "empty"])


def test_a_study_stands_before_the_documents_on_the_page(planned):
    assert list(planned(only=[]).report_settings().documents)[0] in ("mine", "your_own")
    assert all(one.study for one in list(planned(only=[]).report_settings().documents.values())[:2])


def test_networks_that_were_trained_elsewhere_take_their_snapshots_from_their_files(planned, tmp_path):
    for seed in range(2):
        for epoch in (0, 5, 20):
            (tmp_path / f"{seed}_epoch_{epoch}.pt").touch()
    training = {"checkpoints": f"{tmp_path}/{{seed}}_epoch_*.pt"}
    experiment = {k: v for k, v in STUDY["experiments"]["net"].items() if k != "controls"} | {
        "training": training,
        "seeds": 2,
    }
    plan = planned(experiments={"net": experiment})
    settings = plan.train_settings("net")
    assert settings.trainer == "checkpoints"
    assert settings.snapshots == [0, 5, 20]
    assert plan.train_checkpoints("net") == [
        f"{tmp_path}/{seed}_epoch_{epoch}.pt" for seed in range(2) for epoch in (0, 5, 20)
    ]


@pytest.mark.parametrize("data", ["mnist", "arrays", "images", "speech", "music"])
@pytest.mark.parametrize("network", ["cnn", "mlp", "nets:build"])
def test_new_writes_an_overlay_that_is_a_config(data, network, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    file = new.write("my_study", data, "somewhere", network, None, folder=str(tmp_path))
    if data == "speech":  # whose only network is another
        with pytest.raises(InputError, match="takes blstm"):
            read_default(file)
        return
    config = read_default(file)
    assert config.only == ["my_study"]
    assert config.experiments["my_study_network"].controls == ["shuffled", "untrained"]
    with pytest.raises(InputError, match="is there already"):
        new.write("my_study", data, "somewhere", network, None, folder=str(tmp_path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["My-Study"], "expected a name of small letters"),
        (["study", "--data", "pictures"], "unknown 'pictures'"),
        (["study", "--data", "mnist", "--network", "a b"], "expected mlp, cnn, blstm or module:function"),
        (["study"], "--data is missing"),
    ],
)
def test_new_says_what_is_missing(options, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", *options]) == 2
    assert message in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_new_asks_at_a_terminal(tmp_path, monkeypatch):
    answers = iter(["images", "my_pets", ""])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(new, "_answer", lambda text: next(answers))
    text = new.write("study", None, None, None, None, folder=str(tmp_path)).read_text(encoding="utf-8")
    assert "kind: image_folder, path: my_pets" in text
    assert "kind: cnn" in text
