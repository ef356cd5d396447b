"""Reading docs/*.ledger and the citations in code and tests; the form of both
is told in the head of docs/rfc7143.ledger.

Everything here takes texts and gives lists, so that
tests/lint/ledger_sees_what_is_wrong can show it wrong ones.
"""
import re

LEVELS = {"MUST", "MUST-NOT", "SHOULD", "SHOULD-NOT"}
ROLES = {"T", "I", "B"}
ORDINAL = r"(?:\d+(?:\.\d+)*|[A-E])-\d+[a-z]?"
DOCUMENT = re.compile(r"^document (\S+) +(\S.*)$")
SECTION = re.compile(
    r"^= (\d+(?:\.\d+)*|[A-E])(?: \((\d+)\))? +([^|]*?)(?: *\| *(\S.*))?$")
LINE = re.compile(rf"^({ORDINAL}) +(\S+) +(\S+) +(\S.*)$")
STATE = re.compile(r"^(none|open|see): (\S.*)$")
OPEN_MOST = re.compile(r"^open at most (\d+)$")
CITATION = re.compile(r"\[((?:RFC|SAM|SPC|SBC)[-0-9]*\d) ([^\[\]]*)\]")
CITED = re.compile(rf"^({ORDINAL})(?:\.\.(\d+))?$")
# What stands before a test: C as tests/unit/test.h has it, Python's decorators.
TEST_HEAD = re.compile(r"^(TEST(_\w+)?\(|@test\b|@case\b|def )")


class Requirement:
    def __init__(self, path, number, document, ident, level, role):
        self.where = f"{path}:{number}"
        self.document, self.ident = document, ident
        self.level, self.role = level, role
        self.text, self.state, self.reason = "", None, ""

    @property
    def name(self):
        return f"{self.document} {self.ident}"

    def finish(self):
        """Text and state, when all its lines are there."""
        text, bar, state = self.text.partition(" | ")
        match = STATE.match(state)
        if bar and not match:
            return f"{self.where}: {self.name}: {state}: not a state"
        self.text = text
        if match:
            self.state, self.reason = match.groups()
        return None


class Ledger:
    """One file: what is in it, and what is wrong with its form."""

    def __init__(self, path, text):
        self.path, self.faults = path, []
        self.requirements, self.sections = [], []
        self.open_most = 0
        self.document = self.section = None
        self.counts = {}
        for number, line in enumerate(text.split("\n"), 1):
            self.take(number, line.rstrip())
        self.finish()

    def fault(self, number, words):
        self.faults.append(f"{self.path}:{number}: {words}")

    def finish(self):
        for requirement in self.requirements[-1:]:
            fault = requirement.finish()
            if fault:
                self.faults.append(fault)

    def take(self, number, line):
        if not line or line.startswith("#"):
            return
        if line.startswith(" "):
            if not self.requirements:
                self.fault(number, "goes on with nothing")
            else:
                self.requirements[-1].text += " " + line.strip()
            return
        self.finish()
        for pattern, take in ((OPEN_MOST, self.take_open_most),
                              (DOCUMENT, self.take_document),
                              (SECTION, self.take_section),
                              (LINE, self.take_line)):
            match = pattern.match(line)
            if match:
                take(number, *match.groups())
                return
        self.fault(number, f"neither comment nor line: {line[:40]}")

    def take_open_most(self, _number, count):
        self.open_most = int(count)

    def take_document(self, _number, name, _title):
        self.document, self.section = name, None

    def take_section(self, number, section, count, _title, state):
        if self.document is None:
            self.fault(number, f"{section}: of no document")
        last = self.section
        self.section = section
        if last is not None and place(section) <= place(last):
            self.fault(number, f"section {section} comes after {last}")
        if state and not state.startswith("none: "):
            self.fault(number, f"section {section}: {state}: not a state")
        self.sections.append((number, self.document, section,
                              int(count) if count else None, bool(state)))

    def take_line(self, number, ident, level, role, text):
        if ident.rpartition("-")[0] != self.section:
            self.fault(number, f"{ident} is in section {self.section}")
        if level not in LEVELS:
            self.fault(number, f"{ident}: {level}: no level")
        if role not in ROLES:
            self.fault(number, f"{ident}: {role}: no role")
        last = self.requirements[-1] if self.requirements else None
        if last and last.document == self.document and \
                place(ident) <= place(last.ident) and \
                last.ident.rpartition("-")[0] == self.section:
            self.fault(number, f"{ident} comes after {last.ident}")
        self.requirements.append(Requirement(
            self.path, number, self.document, ident, level, role))
        self.requirements[-1].text = text


def place(ident):
    """To sort by: 4.10-2 comes after 4.9-11, and 4-2a before 4-2b."""
    section, _, ordinal = ident.partition("-")
    match = re.match(r"(\d*)([a-z]?)$", ordinal)
    return ([int(p) if p.isdigit() else 1000 + ord(p)
             for p in section.split(".")],
            int(match.group(1) or 0), match.group(2))


def gaps(ledger):
    """Sentences of a counted section that no line accounts for."""
    for number, document, section, count, is_closed in ledger.sections:
        if count is None or is_closed:
            continue
        there = {place(r.ident)[1] for r in ledger.requirements
                 if r.document == document and
                 r.ident.rpartition("-")[0] == section}
        for ordinal in sorted(set(range(1, count + 1)) ^ there):
            yield f"{ledger.path}:{number}: {document} {section} has " \
                  f"{count} sentences, and " + \
                  (f"no line {section}-{ordinal}" if ordinal <= count else
                   f"a line {section}-{ordinal}")


class Citation:
    def __init__(self, path, number, name, is_before_test):
        self.path, self.where, self.name = path, f"{path}:{number}", name
        self.is_before_test = is_before_test


def spread(ident, last):
    """4.2-3..5 is 4.2-3, 4.2-4 and 4.2-5."""
    if last is None:
        return [ident]
    section, _, first = ident.rpartition("-")
    if not first.isdigit() or int(last) <= int(first):
        return []
    return [f"{section}-{n}" for n in range(int(first), int(last) + 1)]


def is_before_test(text, end):
    """Is the next line that is no comment the head of a test?"""
    for line in text[end:].split("\n")[1:]:
        if line and not line.startswith((" *", "#", "/*")):
            return bool(TEST_HEAD.match(line))
    return False


def citations(path, text):
    """(citations, faults) of one file."""
    found, faults = [], []
    for match in CITATION.finditer(text):
        number = text.count("\n", 0, match.start()) + 1
        before = is_before_test(text, match.end())
        words = re.sub(r"\n[\s*#]*", " ", match.group(2))
        for word in words.split(","):
            cited = CITED.match(word.strip())
            idents = spread(*cited.groups()) if cited else []
            if not idents:
                faults.append(f"{path}:{number}: {match.group(1)} "
                              f"{word.strip()}: no citation")
            found += [Citation(path, number, f"{match.group(1)} {i}", before)
                      for i in idents]
    return found, faults


def is_test(path):
    return path.startswith("tests/")


def wrong_references(ledgers):
    """Names that are there twice, `see` that leads nowhere or to another."""
    names = {}
    for r in (r for ledger in ledgers for r in ledger.requirements):
        if r.name in names:
            yield f"{r.where}: {r.name} is at {names[r.name].where} too"
        names[r.name] = r
    for r in names.values():
        if r.state != "see":
            continue
        for word in r.reason.split(","):
            name = word.strip()
            name = name if " " in name else f"{r.document} {name}"
            other = names.get(name)
            if other is None:
                yield f"{r.where}: {r.name}: see {name}: there is none"
            elif other.state not in (None, "open"):
                yield f"{r.where}: {r.name}: see {name}: that is " \
                      f"{other.state}"


def uncited(ledgers, cited):
    """Requirements that the cited names leave out."""
    return [f"{r.where}: {r.name}: {r.text[:60]}" for ledger in ledgers
            for r in ledger.requirements
            if r.state is None and r.name not in cited]


def unfounded(ledgers, found):
    """Citations of what is not in a ledger, or of what binds nobody here."""
    states = {r.name: r.state for ledger in ledgers
              for r in ledger.requirements}
    for c in found:
        if c.name not in states:
            yield f"{c.where}: {c.name}: no ledger has it"
        elif states[c.name] in ("none", "see"):
            yield f"{c.where}: {c.name}: cited, and the ledger says " \
                  f"{states[c.name]}"


def misplaced(found):
    """A citation in a test stands before the test."""
    return [f"{c.where}: {c.name}: not before a test" for c in found
            if is_test(c.path) and not c.is_before_test]


def opened(ledger):
    """More lines are open than the head allows, or fewer."""
    names = [r.name for r in ledger.requirements if r.state == "open"]
    if len(names) != ledger.open_most:
        yield f"{ledger.path}: {len(names)} lines are open, the head says " \
              f"{ledger.open_most}"
