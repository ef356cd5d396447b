"""What the lints share: where the files are, and how a verdict is said.

A lint prints one line for each fact it checked, `ok SENTENCE`,
`FAIL SENTENCE: reason` or `skip SENTENCE: what is missing`, and leaves with
status 1 when one failed, 77 when all were skipped.
"""
import fnmatch
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
os.chdir(TOP)

BUILD = os.environ.get("LUNET_BUILD", os.path.join(TOP, "build"))
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
verdicts = []


def verdict(sentence, faults=()):
    """Print one verdict; faults are strings, none of them means ok."""
    faults = list(faults)
    verdicts.append(not faults)
    if not faults:
        print(f"ok {sentence}")
        return
    print(f"FAIL {sentence}: {len(faults)}")
    for fault in faults:
        print(f"\t{fault}")


def skip(sentence, missing):
    verdicts.append(None)
    print(f"skip {sentence}: {missing}")


def leave():
    if False in verdicts:
        sys.exit(1)
    sys.exit(77 if verdicts and all(v is None for v in verdicts) else 0)


def all_files():
    """Files of the project, new ones included; in an unpacked archive there is
    no git to ask."""
    asked = subprocess.run(
        ["git", "-c", f"safe.directory={TOP}", "ls-files", "--cached",
         "--others", "--exclude-standard"], capture_output=True, text=True)
    if asked.returncode == 0:
        return asked.stdout.split("\n")
    return [os.path.relpath(os.path.join(folder, name), TOP)
            for folder, _, names in os.walk(TOP) for name in names
            if not re.match(r"(build[^/]*|\.git)(/|$)",
                            os.path.relpath(folder, TOP))]


def tracked(*patterns):
    """Those that match: * goes across folders, as git has it."""
    return sorted({f for f in all_files()
                   if any(fnmatch.fnmatch(f, p) for p in patterns) and
                   os.path.isfile(f)})


def read(path):
    with open(path, errors="replace") as f:
        return f.read()


def includes(path):
    """(line, name) of each #include "name"."""
    for number, line in enumerate(read(path).split("\n"), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1)
