"""What a figure says it is drawn from is what it is drawn from; shown on the page and in the manifest."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from factories import ROOT, plan

from infoflow.config.yamlfile import load
from infoflow.plan import catalogue
from infoflow.plotting.document import Document
from infoflow.report.page import card
from infoflow.storage.files import canonical_json
from infoflow.studies import is_study, package
from infoflow.verdicts import rule

PLAN = plan()
FIGURES = [(document, figure) for document in PLAN.documents for figure in PLAN.figures_of(document)]
NEWER = {
    ("goldfeld2019", "X4"), ("padova2023", "X1"), ("padova2023", "X2"), ("yu2018", "X3"),
}  # fmt: skip
WITHOUT = {document for document in PLAN.documents if not (ROOT / "results/reference" / document).is_dir()}


class Traced(Document):
    """A document that notes the tables read and offers only rows of some experiments."""

    def __init__(self, key, experiments):
        settings = canonical_json(PLAN.notebook_settings(key).model_dump())
        super().__init__(key, str(ROOT / "results/reference"), settings=settings)
        self.experiments, self.read = experiments, set()

    def table(self, name):
        self.read.add(name)
        table = super().table(name)
        return table[table["experiment"].isin(self.experiments)] if "experiment" in table else table


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("document", "figure"), FIGURES)
def test_a_figure_is_drawn_from_the_tables_and_experiments_that_it_names(document, figure):
    if document in WITHOUT:
        pytest.skip(f"no reference results of {document} yet; its own tests draw from made-up tables")
    section = PLAN.figures_of(document)[figure]
    traced = Traced(document, section.experiments)
    if (document, figure) in NEWER:
        assert traced.show(figure) is None  # when this fails, take it off the list
        pytest.skip("the reference results are older than this figure; the smoke run draws it")
    traced.show(figure)
    plt.close("all")
    assert traced.read == set(section.tables)


@pytest.mark.parametrize(("document", "figure"), FIGURES)
def test_the_page_says_what_made_a_figure(document, figure, tmp_path):
    section = PLAN.figures_of(document)[figure]
    settings = PLAN.report_settings().documents[document]
    shown = card(document, figure, settings.figures[figure], settings, rule.ledger(document, []), tmp_path)
    function = figure.rsplit("-", 1)[1] if is_study(document) else figure.lower()
    assert shown["function"] == f"{package(document)}.figures.{function}"
    assert (ROOT / shown["config"]).is_file()
    assert shown["config"] == f"configs/documents/{document}.yaml"
    assert shown["experiments"] == section.experiments
    assert {name for name, _ in shown["tables"]} == set(section.tables)


@pytest.mark.parametrize("document", list(PLAN.documents))
def test_every_figure_says_what_it_shows_and_reads_what_there_is(document):
    whole, module = plan(load(ROOT / "configs/paper.yaml").values), catalogue.document(document)
    figures = whole.figures_of(document) if is_study(document) else catalogue.figures(document)
    for figure in figures.values():
        assert figure.title
        assert figure.caption
        assert set(figure.tables) <= set(module.TABLES)
        assert set(figure.experiments) <= set(whole.document_experiments(document))
    assert whole.figures_of(document) == figures
    assert {table for figure in figures.values() for table in figure.tables} <= set(whole.tables(document))


def test_the_manifest_names_every_kept_output_once():
    outputs = PLAN.report_settings().outputs
    assert len(outputs) == len(set(outputs))
    for document in PLAN.documents:
        assert set(PLAN.figures(document)) | {PLAN.claims(document)} | set(PLAN.tables(document).values()) <= set(
            outputs
        )
    for experiment in PLAN.experiments:
        assert set(PLAN.estimates_of(experiment)) <= set(outputs)
    assert not any("/activations/" in path for path in outputs)


def paper_tables(experiments, axis, values, quantities, layer):
    """Curves and histories as the claims stage writes them, for experiments with one axis."""
    rows = [
        {"experiment": experiment, "point": f"{axis}~{value}", "layer": layer, "quantity": quantity, "estimator": "linearised",
         "settings": "{}", "grid": "all", "epoch": epoch, "low": 0.3, "median": 0.4, "high": 0.5, "seeds": 5}
        for experiment in experiments for value in values for quantity in quantities for epoch in (0, 1, 10)
    ]  # fmt: skip
    history = [
        row | {"metric": metric, "split": "test", "noisy": False}
        for row in rows if row["quantity"] == quantities[0] for metric in ("loss", "accuracy")
    ]  # fmt: skip
    return {"curves": pd.DataFrame(rows), "history": pd.DataFrame(history)}


@pytest.mark.parametrize(
    ("figure", "tables", "panels", "lines"),
    [
        ("E1", (("goldfeld_mnist_cnn", "goldfeld_mnist_cnn_relu"), "model.noise_std", (0.2, 0.0, 0.05), ("within_centred_cosine", "between_centred_cosine"), "T3"), 6, 2),
        ("E2", (("goldfeld_clustering_penalty",), "training.orthonormal~0.0.training.clustering_penalty", (1.0, 0.0), ("I_XT",), "T5"), 3, 2),
        ("X3", (("goldfeld_noise_sweep", "goldfeld_alpha_sweep"), "training.orthonormal~0.0.model.noise_std", (0.01, 0.001), ("I_XT",), "T5"), 6, 2),
    ],
)  # fmt: skip
def test_goldfeld_extensions_are_drawn_in_order_where_their_tables_exist(figure, tables, panels, lines):
    document = Document("goldfeld2019", str(ROOT / "results/reference"))
    needs = tables[0][0]
    assert document.show(figure, needs=needs) is None or needs in set(document.table("curves")["experiment"])
    document._tables = paper_tables(*tables)
    drawn = document.show(figure, needs=needs)
    assert len(drawn.axes) == panels
    assert all(len([line for line in axes.lines if len(line.get_xdata()) == 3]) == lines for axes in drawn.axes)
    plt.close("all")
    if figure == "E1":
        noises = ("no noise", "noise std 0.05", "noise std 0.2")
        titles = [f"{activation}, {noise}" for activation in ("tanh", "ReLU") for noise in noises]
        assert [axes.get_title("center") for axes in drawn.axes] == titles
    else:
        labels = ["none", "1"] if figure == "E2" else ["0.001", "0.01"]
        assert [text.get_text() for text in drawn.axes[0].get_legend().get_texts()] == labels


def test_reference_results_are_shown_beside_a_run_but_not_beside_a_rehearsal(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    folder = tmp_path / "claims"
    folder.mkdir()
    claims = pd.read_parquet(ROOT / "results/reference/yu2018/claims.parquet")
    claims.to_parquet(folder / "yu2018.parquet")
    shown = Document("yu2018", str(tmp_path)).show_reference("F6")
    assert shown.get_supxlabel().startswith("REFERENCE RESULTS. ")
    claims.assign(outcome="rehearsal").to_parquet(folder / "yu2018.parquet")
    assert Document("yu2018", str(tmp_path)).show_reference("F6") is None
    assert Document("yu2018", "results/reference").show_reference("F6") is None
    plt.close("all")
