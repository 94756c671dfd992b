"""Pages of the site that lie outside `docs/`: the benchmarks' reports, where they are written."""

from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
SHOWN = ("detection", "results")


def on_files(files, config):
    """Add the reports that the navigation names."""
    for name in SHOWN:
        files.append(File(f"benchmarks/{name}.md", str(ROOT), config["site_dir"], config["use_directory_urls"]))
    return files


def on_page_markdown(markdown, page, config, files):
    """Links to the reports, which on the disk lie beside `docs/`."""
    return markdown.replace("](../benchmarks/", "](benchmarks/")
