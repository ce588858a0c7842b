"""Builds an image from nothing, then others that differ from it, and writes down what each action took and which were shared."""

import json
import os
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
ARCHIVE = "/usr/src/linux-source-6.12.tar.xz"

HEAD = """edition 1
image {name} version="1" {{ epoch "2026-01-01T00:00:00Z" }}
toolchain host {{ host }}
"""

PARTS = {
    "zinit": """source zinit {{
    crate zinit version="=0.3.8"
    build cargo toolchain=host {{ no-default-features; features client server pid1; static }}
    install zinit to="/sbin/zinit"
    install zinit-server to="/sbin/zinit-server"
    install zinit-pid1 to="/sbin/zinit-pid1"
}}
""",
    "tool": """source tool {{
    path "./{tool}"
    build make toolchain=host
    install "tool" to="/bin/tool"
}}
""",
    "kernel": """kernel "{version}" {{
    tarball "file://{archive}" sha256=lock
    config small.config
    localversion "-fleet"
    cmdline "console=ttyS0"
    embed builtin
}}
modules {{ stage1 fuse; stage2 dummy }}
""",
}

TAIL = """zinit dialect=toml
unit hello {{ exec "/bin/busybox echo {name}"; oneshot }}
file "/init" from=init mode="0755"
file "/bin/busybox" from=busybox mode="0755"
branding {{ hostname {name} }}
initramfs compress=xz level=6
outputs {{ {output} }}
"""


def measure():
    """The facts that the model needs, as they are kept."""
    zosc = release()
    with tempfile.TemporaryDirectory(dir=os.environ.get("ZOSC_BENCH_FOLDER", "/var/tmp")) as work:
        project, store = pathlib.Path(work, "project"), pathlib.Path(work, "store")
        write_project(project)

        def build(name, tool, *parts):
            """The record of one more image, of these parts or of all."""
            output = 'efi "vmlinuz.efi"' if not parts or "kernel" in parts else 'initramfs "initramfs.cpio.xz"'
            given = {"output": output, "name": name, "tool": tool, "version": kernel_version(), "archive": ARCHIVE}
            text = HEAD + "".join(PARTS[part] for part in parts or PARTS) + TAIL
            (project / "zos.kdl").write_text(text.format(**given))
            subprocess.run([zosc, "build", "--quiet", "--store", store], cwd=project, check=True)
            return json.loads(sorted((store / "builds").iterdir())[-1].read_text())

        # One component after the other, since those that are built side by side share the processors.
        records = [build("site-0", "tool-0", *parts) for parts in (["zinit"], ["zinit", "tool"], ["zinit", "tool", "kernel"])]
        planned = plan(zosc, project, store)
        actions = gathered(planned, records, store)
        label = {action["label"]: index for index, action in enumerate(actions)}

        def performed(record):
            return sorted(label[action["label"]] for action in record["actions"] if action["performed"])

        settings = performed(build("site-1", "tool-0"))
        component = performed(build("site-2", "tool-1"))
        return {
            "processors": os.cpu_count(),
            "program": program_size(zosc),
            "seconds": round(sum(record["elapsed"] for record in records) / 1000, 1),
            "own": {"settings": settings, "component": component, "kernel": kernel_too(actions, component)},
            "actions": actions,
        }


def release():
    """A release build of zosc."""
    if named := os.environ.get("ZOSC"):
        return pathlib.Path(named).resolve()
    subprocess.run(["cargo", "build", "--quiet", "--release"], cwd=ROOT, check=True)
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / "release/zosc"


def kernel_version():
    query = ["dpkg-query", "-W", "-f", "${Version}", "linux-source-6.12"]
    return subprocess.run(query, capture_output=True, text=True, check=True).stdout.split("-")[0]


def write_project(project):
    for number in (0, 1):
        tool = project / f"tool-{number}"
        tool.mkdir(parents=True)
        (tool / "tool.c").write_text(f"int main(void) {{ return {number}; }}\n")
        (tool / "Makefile").write_text("tool: tool.c\n\tcc -O2 -static -o tool tool.c\n")
    (project / "small.config").write_bytes((ROOT / "tests/fixtures/kernel/small.config").read_bytes())
    (project / "init").write_text("#!/bin/busybox sh\n")
    (project / "busybox").write_bytes(pathlib.Path("/bin/busybox").read_bytes())


def plan(zosc, project, store):
    command = [zosc, "plan", "--store", store, "--format", "json"]
    return json.loads(subprocess.run(command, cwd=project, capture_output=True, check=True).stdout)["actions"]


def kernel_too(actions, component):
    """What is an image's own where its kernel's configuration is, too: what hangs on that, but packing only where it is packed."""
    behind = set()
    for index, action in enumerate(actions):
        if action["label"] == "configure kernel" or any(need in behind for need in action["needs"]):
            behind.add(index)
    packed = {index for index in behind if actions[index]["kind"] == "cpio" and actions[index]["label"] != "pack modules"}
    return sorted(behind - packed | set(component))


def program_size(program):
    """Bytes of the program as it is installed, without what only a debugger reads."""
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run(["strip", "-o", file.name, program], check=True)
        return os.path.getsize(file.name)


def gathered(planned, records, store):
    """Each action with its seconds, the bytes that it yields, and those of its inputs that no action makes."""
    # What each record performed; what two did counts as in the later one, and what none did took no time.
    timed = {action["label"]: action for action in records[-1]["actions"]}
    for record in records:
        timed.update((action["label"], action) for action in record["actions"] if action["performed"])
    actions = []
    for action in planned:
        run = action["action"].get("run")
        known = set()
        digests(action["action"], known)
        actions.append(
            {
                "label": action["label"],
                "kind": action["kind"],
                # Commands on a toolchain go to workers.
                "remote": bool(run) and "tree" not in run["root"],
                "seconds": round(timed[action["label"]]["elapsed"] / 1000, 3),
                "needs": action["needs"],
                "bytes": size_of(store, action["detail"]),
                "known": sum(size_of(store, digest) for digest in known),
            }
        )
    return actions


def digests(value, found):
    """The digests among an action's fields."""
    if isinstance(value, dict):
        if isinstance(value.get("$digest"), str):
            found.add(value["$digest"])
        for inner in value.values():
            digests(inner, found)
    elif isinstance(value, list):
        for inner in value:
            digests(inner, found)


def size_of(store, digest):
    """Bytes of a content, or of a tree with all its contents, each once."""
    path = store / "blobs" / digest[:1] / digest[1:]
    with path.open("rb") as file:
        if file.read(10) != b'{"path":"/':
            return path.stat().st_size
    files = {}
    with path.open() as lines:
        for line in lines:
            entry = json.loads(line)
            if entry["type"] == "file":
                files[entry["digest"]] = entry["size"]
    return path.stat().st_size + sum(files.values())
