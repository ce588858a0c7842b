"""Tables and drawings, and the page that has them."""

import math

from model import Assumptions, Case

COUNTS = (1, 10, 100)
CASES = {
    "settings": "images that differ in units, files and names",
    "component": "each image has a component that no other has",
    "kernel": "each image has a kernel configuration of its own as well",
}
WAITED = {
    "worker": "  once a worker was free",
    "client": "  once the client was free",
    "link": "  once the client's link was free",
}


def time_of(seconds):
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def bytes_of(count):
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def table(given, name):
    """Every number of images on every number of workers."""
    lines = [
        "| images | workers | time | bytes moved | of these through the client | core-hours | cost |",
        "|---|---|---|---|---|---|---|",
    ]
    for images in COUNTS:
        for workers in COUNTS:
            case = Case(given, name, images, workers)
            lines.append(
                f"| {images} | {workers} | {time_of(case.seconds)} | {bytes_of(case.bytes)} | {bytes_of(case.through_client)} "
                f"| {case.core_hours:.2f} | {case.cost:.3f} |"
            )
    return "\n".join(lines)


def clients_table(options, measured):
    """A hundred images on a hundred workers, from one client and from ten."""
    lines = ["| case | from 1 client | from 10 clients |", "|---|---|---|"]
    for name, title in CASES.items():
        times = []
        for clients in (1, 10):
            options.clients = clients
            times.append(time_of(Case(Assumptions(measured, options), name, 100, 100).seconds))
        lines.append(f"| {title} | {times[0]} | {times[1]} |")
    return "\n".join(lines)


def actions_table(given):
    """The actions that take most of the time."""
    by_time = sorted(given.actions, key=lambda action: -action["seconds"])
    shown, rest = by_time[:8], by_time[8:]
    lines = ["| action | where | seconds | bytes that it yields |", "|---|---|---|---|"]
    for action in shown:
        place = "worker" if action["remote"] else "client"
        lines.append(f"| {action['label']} | {place} | {action['seconds']:.1f} | {bytes_of(action['bytes'])} |")
    lines.append(f"| {len(rest)} others | | {sum(action['seconds'] for action in rest):.1f} | |")
    return "\n".join(lines)


def own_table(given):
    """What each image has to do for itself."""
    lines = ["| case | actions of each image's own | of these on workers | seconds of both |", "|---|---|---|---|"]
    for name, title in CASES.items():
        own = [given.actions[index] for index in given.own[name]]
        remote = sum(action["remote"] for action in own)
        lines.append(f"| {title} | {len(own)} of {len(given.actions)} | {remote} | {sum(action['seconds'] for action in own):.1f} |")
    return "\n".join(lines)


def drawing(case, width=56):
    """The critical path as bars over time; what is shorter than a hundredth of the whole is drawn together."""
    lines, small = [], []
    scale = width / case.seconds

    def draw(label, begin, end, note=""):
        left, right = int(begin * scale), math.ceil(end * scale)
        bar = " " * left + "█" * max(right - left, 1)
        lines.append(f"{label[:24]:<24} │{bar[:width]:<{width}}│ {time_of(end - begin):>8}{note}")

    def draw_small():
        if small:
            title = small[0].step.label if len(small) == 1 else f"{len(small)} short steps"
            draw(title, small[0].begin, small[-1].end)
            small.clear()

    for span in case.path():
        if span.end - span.begin < case.seconds / 100:
            small.append(span)
            continue
        draw_small()
        draw(span.step.label, span.begin, span.end, WAITED.get(span.waited_for, ""))
    draw_small()
    return "```text\n" + "\n".join(lines) + "\n```"


def sections(measured, options):
    """All that the page has from the model, by the names of its places."""
    given = Assumptions(measured, options)
    made = {name: table(given, name) for name in CASES}
    made["measured"] = actions_table(given)
    made["own"] = own_table(given)
    made["path-one"] = drawing(Case(given, "settings", 1, 1))
    made["path-many"] = drawing(Case(given, "settings", 100, 100))
    made["path-kernels"] = drawing(Case(given, "kernel", 100, 10))
    made["clients"] = clients_table(options, measured)
    return made


def filled(text, made):
    """The page with what stands between its markers made anew; one that lacks a place is an error."""
    for name, body in made.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise SystemExit(f"the page has no place {begin} … {end}")
        text = f"{before}{begin}\n{body}\n{end}{after}"
    return text


def shown(measured, options):
    """One case in full."""
    case = Case(Assumptions(measured, options), options.case, options.images, options.workers)
    lines = [
        f"{CASES[options.case]}: images {options.images}, workers {options.workers}, clients {options.clients}",
        f"  {'time':<17} {time_of(case.seconds):>9}",
    ]
    lines += [f"  {way:<17} {bytes_of(count):>9}" for way, count in case.moved.items()]
    lines.append(f"  {'core-hours':<17} {case.core_hours:>9.2f}  ({case.standing_by:.2f} where all workers stand by to the end)")
    lines.append(f"  {'cost':<17} {case.cost:>9.3f}")
    return "\n".join([*lines, drawing(case)])
