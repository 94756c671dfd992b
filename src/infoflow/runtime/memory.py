"""The memory that the jobs of a run may take together; the default profile hands it to Snakemake."""

from __future__ import annotations

from pathlib import Path

import psutil

SHARE = 0.9  # of the memory; the rest is for the system and for Snakemake itself
CGROUPS = Path("/sys/fs/cgroup")


def available_mb(cgroups: Path = CGROUPS) -> int:
    """Megabytes that all jobs of this machine, or of this container, may take together."""
    limits = [psutil.virtual_memory().total, *_container_limits(cgroups)]
    return max(1, int(SHARE * min(limits) / 2**20))


def _container_limits(cgroups: Path) -> list[int]:
    """Limits in bytes of this process's control groups and those around them; a group without one says `max`."""
    found = []
    for folder, file in ((cgroups, "memory.max"), (cgroups / "memory", "memory.limit_in_bytes")):  # versions 2 and 1
        for group in _groups():
            try:
                found.append(int((folder / group / file).read_text()))
            except (OSError, ValueError):
                continue
    return found


def _groups() -> list[str]:
    """Paths of this process's control groups for memory, each with all paths above it."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return [""]
    own = [path.strip("/") for _, kinds, path in (line.split(":", 2) for line in lines) if kinds in ("", "memory")]
    return ["", *(str(group) for path in own for group in (Path(path), *Path(path).parents))]
