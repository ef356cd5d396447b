"""Booting a guest and listening to it.

    with Hooks({"allocated": function_of_one_word}) as hooks:
        guest = Guest(script="initiator", settings={...})
        guest.run()

The guest is emulated in software, so that the tests need no /dev/kvm and give
the same result everywhere; LUNET_VM_ACCEL=kvm makes them faster where that is
trusted.  Host addresses: the guest's 10.0.2.2 is our 127.0.0.1.
"""
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

import image  # noqa: E402
from e2e import Failed, Skip, last_lines  # noqa: E402,F401

QEMU = "qemu-system-x86_64"
ACCEL = os.environ.get("LUNET_VM_ACCEL", "tcg,thread=multi")
GUEST_SECONDS_MAX = 1400        # below that of tests/run


def machine():
    """(kernel, initramfs); skips where they cannot be had."""
    if not shutil.which(QEMU):
        raise Skip(f"{QEMU} (package qemu-system-x86)")
    try:
        return image.ready()
    except image.Missing as missing:
        raise Skip(f"{missing}") from None


class Hooks:
    """A web server on 127.0.0.1 that lets the guest have things done here:
    GET /NAME/WORD calls the function of that name with the word.  Its text is
    the answer; an exception is status 500."""

    def __init__(self, functions):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name, _, word = self.path[1:].partition("/")
                try:
                    status, text = 200, str(functions[name](word))
                except Exception as e:
                    status, text = 500, repr(e)
                    print(f"\thook {self.path}: {e!r}", flush=True)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode() + b"\n")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        self.port = self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def overlay(folder, script, settings, programs):
    """What is laid over the initramfs for one boot: init, script, settings,
    programs of ours."""
    tree = os.path.join(folder, "overlay")
    os.makedirs(os.path.join(tree, "test"))
    for path in programs:
        shutil.copy(path, os.path.join(tree, "test"))
    for source, goal in (("init", "init"), ("steps", "test/steps"),
                         (script, "test/script")):
        shutil.copy(os.path.join(HERE, "guest", source),
                    os.path.join(tree, goal))
    os.chmod(os.path.join(tree, "init"), 0o755)
    with open(os.path.join(tree, "test", "settings"), "w") as f:
        for name, value in settings.items():
            f.write(f"{name}='{value}'\n")
    archive = os.path.join(folder, "overlay.cpio")
    image.pack(tree, archive)
    return archive


def initramfs(folder, script, settings, extra=(), programs=()):
    """extra: names of image.py's archives; programs: paths, for /test."""
    _, base = machine()
    path = os.path.join(folder, "initrd")
    parts = [base, *(os.path.join(os.path.dirname(base), name)
                     for name in extra)]
    with open(path, "wb") as out:
        for part in (*parts, overlay(folder, script, settings, programs)):
            with open(part, "rb") as f:
                shutil.copyfileobj(f, out)
    return path


APPEND = "console=ttyS0 quiet panic=-1 mitigations=off nokaslr " \
    "no_timer_check tsc=unstable net.ifnames=0"


def boot(folder, *options, seconds=GUEST_SECONDS_MAX, memory="768"):
    """Run QEMU until the guest switches off; what the guest said."""
    console = os.path.join(folder, "console")
    said = os.path.join(folder, "said")
    command = [
        QEMU, "-M", "pc", "-accel", ACCEL, "-cpu", "max", "-smp", "2",
        "-m", memory, "-nodefaults", "-no-reboot", "-display", "none",
        "-serial", f"file:{console}", "-serial", f"file:{said}", *options]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=seconds)
        end = f"qemu: status {done.returncode} {done.stdout}"
    except subprocess.TimeoutExpired:
        end = f"not done after {seconds} s"
    text = read(said)
    if "end of tests" not in text:
        raise Failed(f"the guest did not come to its end: {end}\n"
                     f"{last_lines(text, 120)}\n"
                     f"{last_lines(read(console))}")
    return text.replace("\r", "").replace("end of tests\n", "")


def read(path):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def folder():
    return tempfile.TemporaryDirectory(prefix="lunet-vm-")
