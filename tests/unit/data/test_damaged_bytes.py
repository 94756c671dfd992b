"""Files whose bytes are damaged anywhere: read, or refused in one line; no other error reaches a user."""

import contextlib
import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from infoflow.data import image_folder, svhn
from infoflow.data.reading import corpora, images
from infoflow.errors import InputError

LABELS = (
    b"% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
    b"[1.0 - 2.0]\tSes01F_impro01_F000\tang\t[2.5, 2.5, 2.5]\n[2.0 - 3.0]\tSes01F_impro01_M000\txxx\t[2.5]\n"
)


def of(write):
    """Bytes that a function writes to a path."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder, "file"))
        (path,) = Path(folder).iterdir()
        return path.read_bytes()


def picture(kind):
    buffer = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(buffer, kind)
    return buffer.getvalue()


def read_labels(path):
    session = path.parent / "Session1"
    (session / "dialog/EmoEvaluation").mkdir(parents=True)
    path.rename(session / "dialog/EmoEvaluation/Ses01F_impro01.txt")
    corpora.read("iemocap", path.parent, {}, "x")


def read_idx(path):
    from torchvision.datasets.mnist import read_image_file

    images._read_idx(path, read_image_file)


def read_picture(path):
    pixels, problems = image_folder._read(path, 8, 3)
    assert (pixels is None) == any(problem.fatal for problem in problems)


def idx(path):
    folder = path.with_name("folder")
    folder.mkdir()
    images.write_idx_folder(folder, (np.zeros((4, 5, 5), np.uint8), np.zeros(4, np.uint8), np.array([0, 0, 1, 1])))
    path.write_bytes((folder / "train-images-idx3-ubyte").read_bytes())
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def mat(path):
    svhn.write_mat(path.with_suffix(".mat"), np.zeros((2, 32, 32, 3), np.uint8), np.zeros(2, np.uint8))


WHOLE = {
    "labels of IEMOCAP": (LABELS, read_labels), "idx": (of(idx), read_idx), "mat": (of(mat), svhn.read_mat),
    **{f"picture, {kind}": (picture(kind), read_picture) for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")},
}  # fmt: skip


@st.composite
def damaged(draw, whole):
    """The bytes with some of them changed, taken out or put in, or cut short."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        new = draw(st.binary(max_size=4))
        data[at : at + draw(st.integers(0, 4))] = new
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WHOLE)
def test_damaged_bytes_are_read_or_refused_in_one_line(name):
    whole, read = WHOLE[name]

    @settings(
        max_examples=2000, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(damaged(whole))
    def holds(data):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
            path = Path(folder, "file")
            path.write_bytes(data)
            try:
                read(path)
            except InputError as refused:
                assert "\n" not in str(refused)  # noqa: PT017 (either outcome is right)

    holds()
