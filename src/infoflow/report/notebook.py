"""Execute a document's notebook with papermill and turn it into one HTML file that works offline."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from infoflow import studies
from infoflow.config.jobs import NotebookJob
from infoflow.errors import InputError
from infoflow.runtime.forkserver import SOCKET
from infoflow.storage.files import atomic, canonical_json, write_json


def execute(job: NotebookJob, source: str, executed: str, output: str, results: str, figures: str) -> None:
    """Run `source` into `executed`, then copy it to `output` and write the HTML beside it.

    The notebook reads `results` and saves its figures under `figures`. `executed` is a log: a failure leaves it there with the trace in the cell that failed.

    Raises:
        InputError: a cell failed; the message names the notebook, the cell and the error.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    # The kernel `python3` of this environment comes before any that the user has installed.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ.pop("JUPYTER_PATH", None)
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):  # not the user's own
        os.environ[name] = str(Path(executed).parent.absolute() / ".ipython")
    kernels = contextlib.nullcontext("python3") if SOCKET not in os.environ else _warm_kernel()
    parameters = {"results": results, "save_to": figures, "settings": canonical_json(job.model_dump())}
    if studies.is_study(job.document):
        parameters["document"] = job.document  # studies share a notebook
    Path(executed).parent.mkdir(parents=True, exist_ok=True)
    try:
        with kernels as name:
            papermill.execute_notebook(
                source, executed, parameters=parameters, kernel_name=name, progress_bar=False, log_output=True
            )
    except PapermillExecutionError as error:
        raise InputError(
            f"{source}: cell {error.exec_count} failed: {error.ename}: {error.evalue}; see {executed}"
        ) from None
    except DeadKernelError as error:
        raise InputError(f"{source}: the kernel died ({error}), out of memory perhaps; see {executed}") from None
    with atomic(output) as temporary:
        temporary.write_text(without_times(Path(executed).read_text(encoding="utf-8")), encoding="utf-8")
    with atomic(Path(output).with_suffix(".html")) as temporary:
        temporary.write_text(to_html(output), encoding="utf-8")


def without_times(text: str) -> str:
    """An executed notebook without what differs from run to run: times, and the identifier that papermill draws for its cell."""
    notebook = json.loads(text)
    notebook["metadata"].pop("papermill", None)
    for number, cell in enumerate(notebook["cells"]):
        for name in ("papermill", "execution"):
            cell["metadata"].pop(name, None)
        if "injected-parameters" in cell["metadata"].get("tags", ()):
            cell["id"] = f"injected-{number}"
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


@contextlib.contextmanager
def _warm_kernel() -> Iterator[str]:
    """The name of a kernel that is forked as the jobs of a warm run are."""
    with tempfile.TemporaryDirectory(prefix="infoflow-") as folder:
        specification = {
            "argv": [sys.executable, "-m", "infoflow.cli", "kernel", "--connection", "{connection_file}"],
            "display_name": "Python 3", "language": "python",
            "interrupt_mode": "message",  # a signal would reach who asked for the kernel
        }  # fmt: skip
        write_json(Path(folder) / "kernels" / "infoflow" / "kernel.json", specification)
        os.environ["JUPYTER_PATH"] = folder
        yield "infoflow"


def kernel(connection: str) -> None:
    """Serve as a notebook's kernel at the addresses that a connection file names."""
    import matplotlib
    from ipykernel.kernelapp import launch_new_instance

    # What the kernel tells matplotlib by a variable comes too late; loaded with the first figure, when there is a shell.
    matplotlib.rcParams["backend"] = "module://matplotlib_inline.backend_inline"
    launch_new_instance(argv=["-f", connection])


def to_html(notebook: str) -> str:
    """A notebook as HTML: pictures embedded, no script from the network."""
    from nbconvert import HTMLExporter
    from nbconvert.preprocessors import TagRemovePreprocessor

    hidden = TagRemovePreprocessor(enabled=True, remove_cell_tags={"parameters", "injected-parameters"})
    exporter = HTMLExporter(
        preprocessors=[hidden], template_name="lab", embed_images=True, mathjax_url="", require_js_url="", jquery_url="", mermaid_js_url="",
        mermaid_layout_elk_js_url="", jupyter_widgets_base_url="", widget_renderer_url="",
        exclude_input_prompt=True, exclude_output_prompt=True,
    )  # fmt: skip
    body, _ = exporter.from_filename(notebook)
    return re.sub(r'<script src="">\s*</script>', "", body)  # what the template makes of an empty address
