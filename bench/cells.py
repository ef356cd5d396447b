"""The cells of the benchmark: what is asked of a server, and what lunet must
reach there."""


class Cell:
    def __init__(self, name, words, of_tgt=None, of_spin=None, cpu_of_tgt=None,
                 has_digests=False):
        self.name = name
        self.words = words.split() + (["-H", "-D"] if has_digests else [])
        self.of_tgt = of_tgt            # at least so many times its IOPS
        self.of_spin = of_spin          # and of the spinning floor's
        self.cpu_of_tgt = cpu_of_tgt    # at most, of its CPU per I/O
        self.has_digests = has_digests

    def suits(self, server):
        return not (self.has_digests and server in ("floor", "spin", "disk"))


THIRD = 1 / 3
CELLS = [
    Cell("rr4k-q1", "-m randread -b 4096 -q 1", 5, None, THIRD),
    Cell("rr4k-q32", "-m randread -b 4096 -q 32", 5, 0.90, THIRD),
    Cell("rw4k-q32", "-m randwrite -b 4096 -q 32", 5, 0.60, THIRD),
    Cell("mix4k-c4q32", "-m randmix -b 4096 -c 4 -q 32", 5, 0.45, THIRD),
    Cell("rr4k-c64q4", "-m randread -b 4096 -c 64 -q 4", 5, 0.95, THIRD),
    Cell("sr128k-q8", "-m read -b 131072 -q 8", 2, 0.85, THIRD),
    Cell("sw128k-q8", "-m write -b 131072 -q 8", 2, 0.90, THIRD),
    Cell("sr1m-q4", "-m read -b 1048576 -q 4", None, 0.85),
    Cell("rr4k-q32-dig", "-m randread -b 4096 -q 32", has_digests=True),
    Cell("rw4k-q32-dig", "-m randwrite -b 4096 -q 32", has_digests=True),
    Cell("sr128k-q8-dig", "-m read -b 131072 -q 8", has_digests=True),
    Cell("sw128k-q8-dig", "-m write -b 131072 -q 8", has_digests=True),
]
