# The whole environment and the project in an image, for machines that take images alone:
#   docker build --tag infoflow .
#   docker run --rm --volume "$PWD/results:/infoflow/results" infoflow
# Data of your own: --volume "$PWD/data:/infoflow/data:ro"; an overlay: --volume "$PWD/mine.yaml:/infoflow/mine.yaml:ro" and, at
# the end, infoflow run --warm --cores all --configfile mine.yaml
FROM python:3.11-slim-bookworm

RUN apt-get update \
 && apt-get install --yes --no-install-recommends git make \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 researcher

WORKDIR /infoflow
# What the environment hangs on comes first, so that a change of the code does not install it anew.
COPY pyproject.toml constraints.txt README.md ./
COPY src src
RUN python -m pip install --no-cache-dir --constraint constraints.txt --editable ".[test]"
COPY . .

# The code is root's and read-only; the run writes its results, Snakemake's records and caches.
RUN mkdir -p results .snakemake data && chown researcher results .snakemake data
USER researcher
ENV HOME=/home/researcher
CMD ["infoflow", "run", "--warm", "--cores", "all"]
