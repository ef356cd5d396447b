"""What a run says to people."""
import statistics

LUNET = "lunet"


def of(results, cell, server, key):
    """By turn, what a server reached in a cell."""
    return {r["turn"]: r[key] for r in results
            if r["cell"] == cell and r["server"] == server and key in r}


def median(values):
    return statistics.median(values) if values else None


def ratio(results, cell, key, other):
    """The median of ours over theirs, turn by turn."""
    ours = of(results, cell, LUNET, key)
    theirs = of(results, cell, other, key)
    return median([ours[turn] / theirs[turn] for turn in ours
                   if theirs.get(turn)])


def heading(about):
    return (f"{about['processor']}, {about['cores']} cores"
            f"{', virtual' if about['is_virtual'] else ''}, Linux "
            f"{about['kernel']}; commit {about['commit']}, {about['date']}; "
            f"{about['pairs']} turns of {about['seconds']:g} s, "
            f"disk of {about['size']}\n"
            f"{'cell':14} {'server':7} {'IOPS':>9} {'MiB/s':>7} {'p50':>8} "
            f"{'p99':>9} {'p99.9':>9} {'CPU/IO':>8} {'busy':>5} "
            f"{'switches':>8} {'client':>7}")


def row(results, name, server):
    def figure(key):
        return median(list(of(results, name, server, key).values()))

    return (f"{name:14} {server:7} {figure('iops'):9.0f} "
            f"{figure('mib_s'):7.0f} {figure('p50_us'):8.1f} "
            f"{figure('p99_us'):9.1f} {figure('p999_us'):9.1f} "
            f"{figure('server_us_per_io'):8.2f} "
            f"{figure('server_busy'):5.2f} "
            f"{figure('server_switches_per_io'):8.3f} "
            f"{figure('client_us_per_io'):7.2f}")


def goal(value, limit, is_floor):
    if limit is None:
        return ""
    met = value >= limit if is_floor else value <= limit
    return (f" ({'at least' if is_floor else 'at most'} {limit:.2f}: "
            f"{'met' if met else 'MISSED'})")


def cell(c, results):
    names = []
    for r in results:
        if r["cell"] == c.name and r["server"] not in names:
            names.append(r["server"])
    lines = [row(results, c.name, name) for name in names]
    goals = {"tgt": (c.of_tgt, c.cpu_of_tgt), "spin": (c.of_spin, None)}
    for other in names if LUNET in names else []:
        if other == LUNET:
            continue
        more, cost = goals.get(other, (None, None))
        speed = ratio(results, c.name, "iops", other)
        cpu = ratio(results, c.name, "server_us_per_io", other)
        delay = ratio(results, c.name, "p50_us", other)
        lines.append(f"{'':14} lunet / {other}: IOPS {speed:.2f}"
                     f"{goal(speed, more, True)}, CPU per I/O {cpu:.2f}"
                     f"{goal(cpu, cost, False)}, p50 {delay:.2f}")
    return "\n".join(lines)


def idle(r):
    empty_kib = r["resident_kib"] - r["sessions_kib"]
    return (f"idle: resident {empty_kib / 1024:.1f} MiB, "
            f"{r['sessions_kib'] / 1024:.1f} more for {r['sessions']} "
            f"sessions; busy {100 * r['server_busy']:.2f} %, "
            f"{r['server_switches_per_s']:.1f} switches a second; "
            f"a login takes {r['server_login_us']:.0f} us of CPU")


def footing(results):
    strain = [r for r in results if "machine_steal" in r]
    if not strain:
        return ""
    return (f"meanwhile: load {max(r['machine_load'] for r in strain):.1f} "
            f"at most, cores busy "
            f"{100 * median([r['machine_busy'] for r in strain]):.0f} %, "
            f"stolen {100 * max(r['machine_steal'] for r in strain):.1f} % "
            "at most; times in microseconds")


def markdown(cells, results):
    """One row a cell: what was measured, and beside it the ratios with their
    goals."""
    def figures(name, server):
        if not of(results, name, server, "iops"):
            return "–"
        iops, mib_s, cpu = (median(list(of(results, name, server, key)
                                        .values()))
                            for key in ("iops", "mib_s", "server_us_per_io"))
        speed = f"{mib_s:.0f} MiB/s" if "m-q" in name or "8k-q" in name \
            else f"{iops / 1000:.1f} k/s"
        return f"{speed}, {cpu:.2f}"

    def beside(c, key, server, limit, is_floor):
        value = ratio(results, c.name, key, server)
        if value is None:
            return "–"
        if limit is None:
            return f"{value:.2f}"
        met = value >= limit if is_floor else value <= limit
        return f"{value:.2f} ({'≥' if is_floor else '≤'} {limit:.2f}" \
               f"{'' if met else ', missed'})"

    names = [name for name in ("lunet", "floor", "spin", "disk", "tgt")
             if any(r["server"] == name and r["cell"] != "idle"
                    for r in results)]
    lines = ["| cell | " + " | ".join(names) + " |",
             "|---" * (len(names) + 1) + "|"]
    lines += [f"| {c.name} | " +
              " | ".join(figures(c.name, name) for name in names) + " |"
              for c in cells]
    lines += ["", "| cell | speed / tgt | CPU / tgt | speed / spin | "
              "speed / disk | CPU / disk | p50 / floor |", "|---" * 7 + "|"]
    lines += [f"| {c.name} | " + " | ".join([
        beside(c, "iops", "tgt", c.of_tgt, True),
        beside(c, "server_us_per_io", "tgt", c.cpu_of_tgt, False),
        beside(c, "iops", "spin", c.of_spin, True),
        beside(c, "iops", "disk", None, True),
        beside(c, "server_us_per_io", "disk", None, False),
        beside(c, "p50_us", "floor", None, False)]) + " |" for c in cells]
    return "\n".join(lines) + "\n"
