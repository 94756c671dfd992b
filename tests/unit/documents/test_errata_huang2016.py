"""What the errata of huang2016 say is right."""

import pytest
import torch


@pytest.mark.parametrize("c", [2, 4])
def test_labels_from_zero_to_c_are_one_more_than_outputs(c):
    outputs, labels = torch.zeros(1, c), range(c + 1)
    for label in labels[:-1]:
        torch.nn.functional.cross_entropy(outputs, torch.tensor([label]))
    with pytest.raises(IndexError, match="out of bounds"):
        torch.nn.functional.cross_entropy(outputs, torch.tensor([labels[-1]]))
