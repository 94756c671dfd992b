"""The recipe for PyTorch Lightning in docs/your-own.md, where Lightning is installed."""

import re

import pytest
import torch
from factories import ROOT
from torch import nn

import infoflow

lightning = pytest.importorskip("lightning", reason="pip install lightning to test its recipe")
pytestmark = pytest.mark.filterwarnings("ignore")


class Module(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 5), nn.Dropout(0.5), nn.Tanh(), nn.Linear(5, 2))

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, _):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 1e-2)


def test_the_callback_of_the_documentation_takes_a_snapshot_an_epoch(tmp_path):
    text = (ROOT / "docs/your-own.md").read_text(encoding="utf-8")
    code = next(block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "lightning.Callback" in block)
    names = {"infoflow": infoflow}
    exec(code, names)
    x, y = torch.randn(64, 4), torch.arange(64) % 2
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=16)
    module = Module()
    options = {"max_epochs": 3, "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    options |= {"enable_model_summary": False, "accelerator": "cpu", "default_root_dir": str(tmp_path)}
    with infoflow.record(module, ["net.0", "net.2"]) as recording:
        lightning.Trainer(callbacks=[names["Recorder"](recording, x, y)], **options).fit(module, loader)
    assert recording.epochs == {0: [0, 1, 2]}
    assert recording.layers == ["net.0", "net.2"]
