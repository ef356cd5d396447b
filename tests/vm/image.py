"""The guest of the VM tests: a Debian kernel and an initramfs with open-iscsi
and a few tools, made from Debian packages without root.

Kept in ~/.cache/lunet-test-vm (LUNET_VM_CACHE), and made anew when this file or
what it names has changed.  Apt works in a state of its own there: nothing is
installed on this machine.
"""
import fcntl
import glob
import hashlib
import os
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get("LUNET_VM_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
    "lunet-test-vm")

# The kernel series of Debian 12, and what its packages are called.
KERNEL = re.compile(r"^linux-image-6\.1\.0-\d+-amd64$")
PACKAGES = ("busybox-static", "open-iscsi", "e2fsprogs", "xfsprogs",
            "util-linux", "fdisk", "sg3-utils", "kmod", "socat",
            "multipath-tools", "dmsetup", "udev", "ddpt", "fio")
PROGRAMS = """
/bin/busybox /sbin/iscsid /usr/bin/iscsiadm /sbin/iscsiadm
/sbin/mke2fs /sbin/e2fsck /sbin/resize2fs
/sbin/mkfs.xfs /usr/sbin/xfs_repair /sbin/xfs_repair
/sbin/blkdiscard /sbin/blockdev /sbin/fstrim /sbin/sfdisk
/usr/bin/sg_inq /usr/bin/sg_vpd /usr/bin/sg_readcap /usr/bin/sg_opcodes
/usr/bin/sg_compare_and_write /usr/bin/sg_get_lba_status /usr/bin/sg_logs
/usr/bin/sg_luns /usr/bin/sg_modes /usr/bin/sg_persist /usr/bin/sg_read
/usr/bin/sg_raw /usr/bin/sg_requests /usr/bin/sg_reset /usr/bin/sg_rtpg
/usr/bin/sg_sanitize /usr/bin/sg_senddiag /usr/bin/sg_start /usr/bin/sg_stpg
/usr/bin/sg_sync /usr/bin/sg_turs /usr/bin/sg_unmap /usr/bin/sg_verify
/usr/bin/sg_write_same /usr/bin/sg_xcopy /usr/bin/sg_write_x
/usr/bin/sg_copy_results /usr/bin/sg_dd /usr/bin/sg_format
/usr/bin/sg_prevent /usr/bin/sg_read_long
/usr/bin/ddpt /usr/bin/ddptctl
/bin/kmod /usr/bin/socat
""".split()
# What dm-multipath needs besides: an archive of its own, for it is large and
# most tests do without (vm.initramfs(..., extra=("multipath",))).
MULTIPATH_PROGRAMS = """
/sbin/multipath /sbin/multipathd /sbin/mpathpersist /sbin/dmsetup
/bin/udevadm /lib/systemd/systemd-udevd /lib/udev/scsi_id
""".split()
MULTIPATH_FOLDERS = ("lib/multipath", "lib/udev/rules.d")
# fio brings the libraries of every storage it knows: by itself, too.
FIO_PROGRAMS = ("/usr/bin/fio",)
# Opened at run time, so that no program names them.
LIBRARIES = ("libnss_files.so.2", "libgcc_s.so.1")
MODULES = """
virtio_pci virtio_net virtio_blk virtio_rng ata_piix sd_mod iscsi_tcp ext4 xfs vfat
nls_cp437 nls_ascii nls_utf8 crc32c_generic crc32c_intel md5 sha1_generic
sha256_generic sha3_generic dm_mod dm_multipath dm_round_robin dm_service_time
scsi_dh_alua sg
""".split()
LIB = "usr/lib/x86_64-linux-gnu"
LIBRARY_FOLDERS = (LIB, f"{LIB}/ceph", "usr/lib")


class Missing(Exception):
    """Something that this machine lacks, in words."""


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)
    if done.returncode != 0:
        raise Missing(f"{' '.join(map(str, command[:6]))}: "
                      f"{done.stdout.strip()[-400:]}")
    return done.stdout


class Apt:
    """apt with an empty machine of its own to install to."""

    def __init__(self, folder):
        self.folder = folder
        self.debs = os.path.join(folder, "cache", "archives")
        for name in ("state/lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(folder, name), exist_ok=True)
        open(os.path.join(folder, "status"), "w").close()
        self.options = [
            "-q", "-y", "-o", f"Dir::State={folder}/state",
            "-o", f"Dir::State::status={folder}/status",
            "-o", f"Dir::Cache={folder}/cache",
            "-o", "APT::Install-Recommends=false",
            "-o", "APT::Sandbox::User=", "-o", "Debug::NoLocking=1",
            "-o", "Acquire::Languages=none", "-o", "Acquire::Retries=3"]

    def get(self, *words):
        return run("apt-get", *self.options, *words)

    def newest_kernel(self):
        names = run("apt-cache", *self.options[2:], "pkgnames",
                    "linux-image-6.1").split()
        names = [n for n in names if KERNEL.match(n)]
        if not names:
            raise Missing("a kernel package linux-image-6.1.0-*-amd64")
        return max(names, key=lambda n: int(n.split("-")[3]))


def unpack(deb, root):
    tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb],
                           stdout=subprocess.PIPE)
    run_tar = subprocess.run(
        ["tar", "-x", "-C", root, "--keep-directory-symlink",
         "--no-same-owner"], stdin=tar.stdout)
    if tar.wait() != 0 or run_tar.returncode != 0:
        raise Missing(f"a whole {os.path.basename(deb)}")


def make_merged(root):
    """The folders of a merged /usr."""
    for name in ("bin", "sbin", "lib", "lib64"):
        os.makedirs(os.path.join(root, "usr", name), exist_ok=True)
        if not os.path.islink(os.path.join(root, name)):
            os.symlink(f"usr/{name}", os.path.join(root, name))


class Initramfs:
    """A tree that is filled from an unpacked Debian."""

    def __init__(self, debian, root, base=None):
        """base: a tree that is there before, whose files are not copied."""
        self.debian, self.root, self.base = debian, root, base
        make_merged(root)
        for name in ("proc", "sys", "dev", "run", "tmp", "mnt", "etc/iscsi",
                     "var/lib/iscsi", "usr/share", "test", LIB):
            os.makedirs(os.path.join(root, name), exist_ok=True)

    def copy(self, path):
        """One file, links followed; False when there is none."""
        source = os.path.join(self.debian, path.lstrip("/"))
        if not os.path.exists(source):
            return False
        goal = os.path.join(self.root, path.lstrip("/"))
        is_there = self.base and os.path.exists(
            os.path.join(self.base.root, path.lstrip("/")))
        if not os.path.exists(goal) and not is_there:
            os.makedirs(os.path.dirname(goal), exist_ok=True)
            shutil.copy(os.path.realpath(source), goal)
        return True

    def add_program(self, path):
        if not self.copy(path):
            return False
        loader = os.path.join(self.debian, "lib64/ld-linux-x86-64.so.2")
        listing = subprocess.run(
            [loader, "--library-path", ":".join(
                os.path.join(self.debian, f) for f in LIBRARY_FOLDERS),
             "--list", os.path.join(self.debian, path.lstrip("/"))],
            text=True, capture_output=True).stdout
        for library in re.findall(rf"=> {re.escape(self.debian)}/(\S+)",
                                  listing):
            self.copy(library)
        return True

    def add_folder(self, path):
        """Its files, and the libraries of those that are programs."""
        source = os.path.join(self.debian, path)
        for name in os.listdir(source) if os.path.isdir(source) else ():
            if os.path.isfile(os.path.join(source, name)):
                self.add_program(f"{path}/{name}")

    def add_modules(self, version):
        folder = f"lib/modules/{version}"
        run("depmod", "-b", self.debian, version)
        needs = {}
        with open(os.path.join(self.debian, folder, "modules.dep")) as f:
            for line in f:
                path, rest = line.split(":")
                name = os.path.basename(path).split(".")[0].replace("-", "_")
                needs[name] = [path, *rest.split()]
        for module in MODULES:
            for path in needs.get(module, ()):      # else it is built in
                self.copy(os.path.join(folder, path))
        for name in ("modules.builtin", "modules.order",
                     "modules.builtin.modinfo"):
            self.copy(os.path.join(folder, name))
        run("depmod", "-b", self.root, version)

    def pack(self, path):
        pack(self.root, path)


def pack(folder, path):
    """A folder into a cpio archive as the kernel reads it."""
    names = subprocess.run(["find", "."], cwd=folder, check=True, text=True,
                           capture_output=True).stdout
    with open(path, "wb") as out:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"],
                       cwd=folder, input="\n".join(sorted(names.split("\n")))
                       .strip().encode() + b"\n", stdout=out, check=True)


def add_programs(tree, programs):
    found = {os.path.basename(p) for p in programs if tree.add_program(p)}
    absent = {os.path.basename(p) for p in programs} - found
    if absent:
        raise Missing(f"{', '.join(sorted(absent))} in the Debian packages")


def build(folder):
    """Make kernel and initramfs in this folder."""
    apt = Apt(os.path.join(CACHE, "apt"))
    apt.get("update")
    kernel = apt.newest_kernel()
    apt.get("--download-only", "install", *PACKAGES)
    run("apt-get", *apt.options, "download", kernel, cwd=apt.debs)
    debian = os.path.join(folder, "debian")
    make_merged(debian)
    for deb in glob.glob(os.path.join(apt.debs, "*.deb")):
        name = os.path.basename(deb).split("_")[0]
        if not name.startswith("linux-image") or name == kernel:
            unpack(deb, debian)
    version = kernel[len("linux-image-"):]
    tree = Initramfs(debian, os.path.join(folder, "tree"))
    add_programs(tree, PROGRAMS)
    for name in LIBRARIES:
        tree.copy(f"{LIB}/{name}")
    tree.copy("lib64/ld-linux-x86-64.so.2")
    tree.copy("etc/mke2fs.conf")
    tree.copy("etc/iscsi/iscsid.conf")
    tree.add_modules(version)
    tree.pack(os.path.join(folder, "initrd"))
    for name, programs, folders in (
            ("multipath", MULTIPATH_PROGRAMS, MULTIPATH_FOLDERS),
            ("fio", FIO_PROGRAMS, ())):
        more = Initramfs(debian, os.path.join(folder, "more"), tree)
        add_programs(more, programs)
        for path in folders:
            more.add_folder(path)
        more.pack(os.path.join(folder, name))
        shutil.rmtree(more.root)
    shutil.copy(os.path.join(debian, "boot", f"vmlinuz-{version}"),
                os.path.join(folder, "vmlinuz"))
    shutil.rmtree(debian)
    shutil.rmtree(tree.root)
    shutil.rmtree(apt.folder)


def stamp():
    with open(os.path.join(HERE, "image.py"), "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()[:16]


def ready():
    """(kernel, initramfs), made if need be.  Raises Missing."""
    for name, package in (("cpio", "cpio"), ("depmod", "kmod"),
                          ("apt-get", "apt")):
        if not shutil.which(name, path=os.environ["PATH"] + ":/sbin:"
                            "/usr/sbin"):
            raise Missing(f"{name} (package {package})")
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = os.path.join(CACHE, stamp())
        if not os.path.exists(os.path.join(folder, "vmlinuz")):
            for old in os.listdir(CACHE):
                if old not in ("lock", "apt"):
                    shutil.rmtree(os.path.join(CACHE, old))
            building = folder + ".new"
            os.makedirs(building)
            build(building)
            os.rename(building, folder)
    return os.path.join(folder, "vmlinuz"), os.path.join(folder, "initrd")


if __name__ == "__main__":
    print(*ready())
