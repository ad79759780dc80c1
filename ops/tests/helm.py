"""
Helm, built from its Go module, and the chart as it would be installed.

    documents = rendered(values={"image": {…}})       # what the chart makes of values: a list of Kubernetes' objects
    documents = rendered(EXAMPLES / "small.yaml")
    run("lint", "--strict", CHART)                    # what helm says; an AssertionError with it where it fails
    problems(document)                                # what is wrong with an object by Kubernetes' strict schemas, or by its CRD
"""

import functools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import jsonschema
import kubernetes_validate
import yaml

from alertmanagers import BUILT, go
from rulebook import OPS

VERSION = "v3.22.0"
CHART = OPS / "helm/product-store"
EXAMPLES = OPS / "helm/examples"
# The oldest that the chart admits, and one of today.
KUBERNETES = ("1.31", "1.34")
# Built so, helm takes itself for one of long ago.
NOW = "1.34.0"
# Whose definitions the chart's other objects are to hold to: the module, and where they are in it.
DEFINITIONS = {
    "postgresql.cnpg.io": ("github.com/cloudnative-pg/cloudnative-pg@v1.28.0", "config/crd/bases"),
    "monitoring.coreos.com": ("github.com/prometheus-operator/prometheus-operator@v0.85.0", "example/prometheus-operator-crd"),
}


class Loader(yaml.CSafeLoader):
    """An equals sign alone is a text, as it is to Kubernetes."""


Loader.add_constructor("tag:yaml.org,2002:value", Loader.construct_yaml_str)


class Refused(AssertionError):
    """What helm said when it failed."""


@functools.cache
def helm():
    """Its path. Builds it the first time, which takes a minute or two."""
    path = BUILT / f"helm-{VERSION}/helm"
    if not path.exists():
        environment = {**os.environ, "GOBIN": str(path.parent), "GOFLAGS": "-buildvcs=false", "CGO_ENABLED": "0"}
        subprocess.run([go(), "install", f"helm.sh/helm/v3/cmd/helm@{VERSION}"], env=environment, check=True, stdout=sys.stderr)
    return path


def run(*words, timeout=120):
    """Without the settings, repositories and plugins of whoever works on this machine."""
    with tempfile.TemporaryDirectory() as own:
        homes = {f"HELM_{what}_HOME": f"{own}/{what}" for what in ("CACHE", "CONFIG", "DATA")}
        done = subprocess.run(
            [helm(), *map(str, words)], env={**os.environ, **homes}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
        )
    if done.returncode != 0:
        # It says of each link that it follows it.
        said = [line for line in done.stderr.splitlines() if "found symbolic link" not in line]
        raise Refused(f"helm {words[0]} ended with {done.returncode}:\n{done.stdout}" + "\n".join(said))
    return done.stdout


def with_values(values):
    """The options that give these values to helm: a file's path, or a dictionary."""
    if isinstance(values, pathlib.Path):
        return ["--values", values]
    # JSON after an equals sign is one value, whatever is in it.
    return [word for name, value in (values or {}).items() for word in ("--set-json", f"{name}={json.dumps(value)}")]


def rendered(*values, chart=CHART, release="shop", upgrade=False):
    options = [word for each in values for word in with_values(each)]
    text = run("template", release, chart, "--namespace", "shop", "--kube-version", NOW, *(["--is-upgrade"] if upgrade else []), *options)
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]


def problems(document):
    group = document["apiVersion"].partition("/")[0]
    if group in DEFINITIONS:
        found = jsonschema.Draft7Validator(definition(group, document["kind"])).iter_errors(document)
        return [f"{error.json_path}: {error.message}" for error in found]
    found = []
    for version in KUBERNETES:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            found.append(f"{version}: {error}")
    return found


@functools.cache
def definition(group, kind):
    """The JSON schema in a custom resource's definition; what it doesn't name is refused, as Kubernetes does if it is told to be strict."""
    module, folder = DEFINITIONS[group]
    said = subprocess.run([go(), "mod", "download", "-json", module], capture_output=True, text=True, check=True, cwd="/").stdout
    for file in sorted((pathlib.Path(json.loads(said)["Dir"]) / folder).glob("*.yaml")):
        crd = yaml.load(file.read_text(), Loader)
        if crd["spec"]["group"] == group and crd["spec"]["names"]["kind"] == kind:
            return strict(crd["spec"]["versions"][-1]["schema"]["openAPIV3Schema"])
    raise AssertionError(f"{module} does not define {kind}")


def strict(schema):
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if "properties" in made and isinstance(made.get("type"), str) and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made
