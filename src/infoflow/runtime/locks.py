"""Who holds Snakemake's lock, and whether that process is dead.

Snakemake's lock files outlive a killed run and do not say whose they are. Every run records its process beside them when it
starts, so that a later run can clear them: only where the record names this very lock and its process is dead on this host.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import uuid
from pathlib import Path
from typing import Any

import psutil

from infoflow.errors import InputError
from infoflow.storage.files import write_json

LOCKS = Path(".snakemake/locks")
HOLDER = Path(".snakemake/infoflow-holder.json")
WHOLE_MACHINE = "pid:[4026531836]"  # the process namespace outside all containers, a constant of the kernel


def record() -> None:
    """Write down that this process holds the locks that are there."""
    user = ""
    with contextlib.suppress(KeyError, OSError):  # a user without an entry
        user = psutil.Process().username()
    held = {"locks": _identities(), "host": _host(), "user": user, "pid": os.getpid(), "started": _started(os.getpid())}
    write_json(HOLDER, held)


def clear() -> None:
    """Remove the locks of a run that is dead.

    Raises:
        InputError: the holder is alive, or this host cannot tell.
    """
    if not (locks := _identities()):
        return
    held = _holder()
    if held is None or held["locks"] != locks:
        raise InputError(
            f"{LOCKS}: it is not known which process holds Snakemake's lock; make sure that no Snakemake is at work in this "
            "folder, on any machine, then: snakemake --unlock"
        )
    who = f"process {held['pid']} of {held['user'] or 'an unknown user'} on {held['host']['name']}"
    dead = is_dead(held)
    if dead is None:
        raise InputError(
            f"{LOCKS}: the lock is held by {who}, and this host cannot tell whether it is alive; if it is dead: "
            "snakemake --unlock"
        )
    if not dead:
        raise InputError(f"Snakemake is at work in this folder ({who}); wait for it or stop it")
    remove()


def remove() -> None:
    """Remove the locks and the record."""
    for path in LOCKS.glob("*.lock"):
        path.unlink(missing_ok=True)
    HOLDER.unlink(missing_ok=True)


def is_dead(held: dict[str, Any]) -> bool | None:
    """Whether the process of a record has ended; None where this host cannot tell."""
    here, there = _host(), held["host"]
    if here["machine"] != there["machine"] or here["name"] != there["name"]:
        return None
    if here["boot"] != there["boot"]:  # started again since; a container has its host's boots, but not its processes
        return True if here["processes"] == there["processes"] == WHOLE_MACHINE else None
    if here["processes"] != there["processes"]:
        return None
    return not psutil.pid_exists(held["pid"]) or _started(held["pid"]) not in (held["started"], None)


def _identities() -> dict[str, list[int]]:
    """Inode and time of every lock file."""
    found = {}
    for path in sorted(LOCKS.glob("*.lock")):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            found[path.name] = [status.st_ino, status.st_mtime_ns]
    return found


def _holder() -> dict[str, Any] | None:
    try:
        return json.loads(HOLDER.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _host() -> dict[str, str]:
    """What tells this host, its boot and its process namespace from others."""
    return {
        "name": socket.gethostname(),
        "machine": _text("/etc/machine-id") or str(uuid.getnode()),
        "boot": _text("/proc/sys/kernel/random/boot_id"),
        "processes": _link("/proc/self/ns/pid"),
    }


def _started(pid: int) -> str | None:
    """When a process started, in the kernel's own count; "ended" for one that nobody has waited for; None if unknown."""
    if text := _text(f"/proc/{pid}/stat"):
        fields = text.rpartition(")")[2].split()  # the name before it may hold anything
        return "ended" if fields[0] in "ZX" else fields[19]
    with contextlib.suppress(psutil.Error):
        return str(psutil.Process(pid).create_time())
    return None


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
