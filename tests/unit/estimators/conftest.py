import pytest
import torch


def pytest_configure(config):
    """Warnings of estimators are looked at where a test is about them."""
    config.addinivalue_line("filterwarnings", "ignore::infoflow.estimators.EstimatorWarning")


@pytest.fixture(autouse=True)
def _one_thread():
    """Small matrices: a second thread only waits, and on a busy machine it waits long."""
    torch.set_num_threads(1)
