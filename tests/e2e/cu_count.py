"""Reads what `iscsi-test-cu -v` printed.

CUnit calls a test passed that has skipped itself, so its own summary does not
say how much was tested.  Here a test is the lines between its name and the next
one; it failed when CUnit said FAILED behind it, it was skipped when it wrote
[SKIPPED] and did not fail, and else it passed.
"""
import re

NAME = re.compile(r"^  Test: (\S+) \.\.\.", re.M)
SUITE = re.compile(r"^Suite: (\S+)", re.M)


def outcome(body):
    # "[FAILED] why" is a remark of the test, a bare FAILED is the verdict.
    if re.search(r"(?<!\[)\bFAILED\b(?!\])", body):
        return "failed"
    return "skipped" if "[SKIPPED]" in body else "passed"


def count(text):
    """{"Suite.Test": "passed" | "failed" | "skipped"}, and what each said."""
    text = text.split("\nRun Summary")[0]
    marks = sorted([(m.start(), m.end(), "suite", m.group(1))
                    for m in SUITE.finditer(text)] +
                   [(m.start(), m.end(), "test", m.group(1))
                    for m in NAME.finditer(text)])
    outcomes, said, suite = {}, {}, "?"
    for i, (_, end, kind, name) in enumerate(marks):
        if kind == "suite":
            suite = name
            continue
        body = text[end:marks[i + 1][0] if i + 1 < len(marks) else None]
        outcomes[f"{suite}.{name}"] = outcome(body)
        said[f"{suite}.{name}"] = body.strip()
    return outcomes, said
