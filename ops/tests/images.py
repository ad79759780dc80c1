"""
Images of containers for tests, made without any registry: of Debian's packages, and of programs of this machine.

    name = store_image("product-store:test")    # the store's own image, by its Dockerfile and ops/image/build
    save(name, path)                             # a docker-archive, for "docker load" or a cluster's node
    debian("redis-server", …)                    # an image with these packages and what they need
    build(name, folder, **arguments)             # by the folder's Dockerfile; each argument is a build argument

Where a Dockerfile says FROM something that can't be had, an image of that name is made first, a stand-in. Images are kept in
target/ops/images, apart from those of whoever works on this machine, and are made again when what they are made of has changed. An
older one goes when the last name that a test knows it by is given to another.
"""

import atexit
import functools
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import programs
from elastic import java
from rulebook import OPS, ROOT

HOME = ROOT / "target/ops/images"
PACKAGES = ("buildah", "podman", "runc", "netavark", "aardvark-dns", "iptables", "mmdebstrap", "ca-certificates")
# What the store's image is made of.
SOURCES = ("Dockerfile", ".dockerignore", "mvnw", "pom.xml", ".mvn", "src/main", "ops/image")
# The names that images are kept by, made of what they are made of.
KEPT = re.compile(r"localhost/store-tests/(?:built|java|store):[0-9a-f]{16}")
# crun refuses a machine with both versions of cgroups, and an unprivileged one's limits can't be raised.
CONTAINERS = """
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "{home}/networks"
"""
STORAGE = """
[storage]
driver = "overlay"
graphroot = "{home}/storage"
runroot = "{run}"
"""


class CannotMake(Exception):
    """Why there is no image, in a sentence."""


@functools.cache
def environment():
    """For podman and buildah: everything of theirs in a place of its own. Installs them if need be."""
    if os.geteuid() != 0:
        raise CannotMake("images are made by root: they need mounts and namespaces")
    programs.install_missing(*PACKAGES)
    HOME.mkdir(parents=True, exist_ok=True)
    atexit.register(_let_go)
    # Short, as sockets are made in it.
    run = f"/run/store-images-{hashlib.sha256(str(HOME).encode()).hexdigest()[:8]}"
    (HOME / "containers.conf").write_text(CONTAINERS.format(home=HOME))
    (HOME / "storage.conf").write_text(STORAGE.format(home=HOME, run=run))
    (HOME / "registries.conf").write_text("")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("STORE_")},
        "CONTAINERS_CONF": str(HOME / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(HOME / "storage.conf"),
        "CONTAINERS_REGISTRIES_CONF": str(HOME / "registries.conf"),
        "BUILDAH_ISOLATION": "chroot",
    }


def _let_go():
    """podman leaves its folder mounted on itself, and then nobody could delete it."""
    storage = f"{HOME}/storage/overlay"
    places = [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
    if storage in places and not any(place.startswith(f"{storage}/") for place in places):
        subprocess.run(["umount", storage], check=False)


def call(*words, **more):
    """What it says on standard output; an AssertionError with all that it said if it fails."""
    done = subprocess.run([str(word) for word in words], env={**environment(), **more}, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-6000:]}")
    return done.stdout


def exists(name):
    return _id(name) is not None


def _id(name):
    words = ["buildah", "inspect", "--type", "image", "--format", "{{.FromImageID}}", name]
    done = subprocess.run(words, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def _give(name, kept):
    """The name to what is kept under another one; who had it before goes, if nobody knows it by any other name."""
    before = _id(name)
    call("buildah", "tag", kept, name)
    if before in (None, _id(kept)):
        return
    images = json.loads(call("buildah", "images", "--json")) or []
    # It tells the first digits only.
    for names in (image.get("names") or [] for image in images if before.startswith(image["id"])):
        if all(KEPT.fullmatch(each) for each in names):
            # One that a container runs of stays.
            subprocess.run(["buildah", "rmi", *names], env=environment(), stdin=subprocess.DEVNULL, capture_output=True)


def digest(*parts):
    """Of texts, and of files and folders: their names, modes and contents."""
    sum_ = hashlib.sha256()
    for part in parts:
        if not isinstance(part, pathlib.Path):
            sum_.update(str(part).encode() + b"\0")
            continue
        files = [part] if part.is_file() else sorted(path for path in part.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        for path in files:
            sum_.update(f"{path.relative_to(part.parent)} {path.stat().st_mode:o}\0".encode() + path.read_bytes())
    return sum_.hexdigest()[:16]


def debian(*packages):
    """An image of this machine's release with these packages, whose programs trust whom this machine trusts."""
    release = pathlib.Path("/etc/os-release").read_text()
    suite = re.search(r'(?m)^VERSION_CODENAME="?(\w+)', release)[1]
    name = f"localhost/store-tests/{suite}:{digest(*sorted(packages))}"
    if not exists(name):
        places = ("sources.list.d/debian.sources", "sources.list.d/ubuntu.sources", "sources.list")
        sources = next(path for path in (pathlib.Path("/etc/apt") / place for place in places) if path.exists())
        print(f"Making an image of {suite} with {' '.join(packages)} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as work:
            root = f"{work}/root.tar"
            call("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={','.join(('ca-certificates', *packages))}",
                 # Manuals and translations are of no use here.
                 "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
                 suite, root, sources)
            shutil.copy("/etc/ssl/certs/ca-certificates.crt", work)
            (pathlib.Path(work) / "Dockerfile").write_text("FROM scratch\nADD root.tar /\nCOPY ca-certificates.crt /etc/ssl/certs/\nCMD [\"bash\"]\n")
            _bud(name, work)
    return name


def build(name, folder, *more, context=None, **arguments):
    """The image, made if there is none of that content yet. more: files and folders, outside of the folder, which it is made of, too."""
    folder = pathlib.Path(folder)
    kept = f"localhost/store-tests/built:{digest(name, folder, *more, *sorted(arguments.items()))}"
    if not exists(kept):
        print(f"Building {name} ...", file=sys.stderr, flush=True)
        words = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
        _bud(kept, context or folder, "-f", folder / "Dockerfile", *words)
    _give(name, kept)
    return name


def _bud(name, context, *words):
    call("buildah", "build", "--format", "docker", "--pull-never", "-t", name, *words, context)
    # Those of stages that are only copied from are left, and mounted.
    call("buildah", "rm", "--all")


def java_images():
    """Stand-ins for the images that the store's Dockerfile begins with: this machine's JDK in a root of Debian's, at Temurin's place."""
    home = pathlib.Path(java())
    wanted = re.findall(r"(?m)^ARG J[DR][KE]_IMAGE=(\S+)$", (ROOT / "Dockerfile").read_text())
    base = debian()
    kept = f"localhost/store-tests/java:{digest(base, home / 'release')}"
    if not exists(kept):
        print(f"Making an image of {home} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as work:
            # Debian's packages keep certificates elsewhere and link to them.
            call("cp", "-aL", home, f"{work}/jdk")
            (pathlib.Path(work) / "Dockerfile").write_text(
                f"FROM {base}\nCOPY jdk /opt/java/openjdk\nENV JAVA_HOME=/opt/java/openjdk PATH=/opt/java/openjdk/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
            )
            _bud(kept, work)
    for name in wanted:
        _give(name, kept)
    return kept


def store_image(tag="product-store:test"):
    """The store's image under this name; takes two minutes where its sources have changed."""
    base = java_images()
    kept = f"localhost/store-tests/store:{digest(base, *(ROOT / source for source in SOURCES))}"
    if not exists(kept):
        print("Building the store's image ...", file=sys.stderr, flush=True)
        maven = pathlib.Path.home() / ".m2"
        maven.mkdir(exist_ok=True)
        # The libraries that this machine has need not be fetched again.
        call(OPS / "image/build", kept, "--", "--pull-never", "-v", f"{maven}:/root/.m2", STORE_IMAGE_BUILDER="buildah")
        call("buildah", "rm", "--all")
    _give(tag, kept)
    return tag


def save(name, path):
    """The image as a docker-archive, under this name."""
    pathlib.Path(path).unlink(missing_ok=True)
    call("buildah", "push", "-q", name, f"docker-archive:{path}:{name}")
    return path
