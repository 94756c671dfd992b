import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread():
    """Small matrices: a second thread only waits, and on a busy machine it waits long."""
    torch.set_num_threads(1)
