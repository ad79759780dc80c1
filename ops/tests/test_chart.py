"""The chart without a cluster: what it makes of each documented set of values, held to Kubernetes' schemas and to the files that it packs."""

import copy
import json
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

from helm import CHART, EXAMPLES, NOW, Refused, problems, rendered, run
from rulebook import OPS, ROOT

IMAGE = {"image": {"repository": "registry.example.org/shop/product-store"}}
SETS = {"the fewest values": IMAGE, **{file.name: file for file in sorted(EXAMPLES.glob("*.yaml"))}}
FULL = EXAMPLES / "full.yaml"


def of_kind(documents, kind, name=None):
    return [each for each in documents if each["kind"] == kind and (name is None or each["metadata"]["name"] == name)]


def pods(documents):
    """(name, a pod's spec) of all that makes pods."""
    return [(each["metadata"]["name"], each["spec"]["template"]["spec"]) for each in documents if "template" in each.get("spec", {})]


def store(documents):
    (deployment,) = of_kind(documents, "Deployment", "shop-product-store")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return deployment["spec"], container


class SchemaTest(unittest.TestCase):
    def test_there_are_sets_for_a_small_shop_an_existing_database_and_all(self):
        self.assertEqual({"the fewest values", "small.yaml", "existing-database.yaml", "full.yaml"}, set(SETS))
        paper = (ROOT / "docs/kubernetes.md").read_text()
        for file in EXAMPLES.glob("*.yaml"):
            self.assertIn(f"ops/helm/examples/{file.name}", paper)

    def test_helm_finds_nothing_to_complain_of(self):
        for values in EXAMPLES.glob("*.yaml"):
            run("lint", "--strict", "--quiet", CHART, "--kube-version", NOW, "--values", values)

    def test_each_documented_set_holds_to_the_schemas(self):
        for name, values in SETS.items():
            for upgrade in (False, True):
                documents = rendered(values, upgrade=upgrade)
                self.assertGreater(len(documents), 5)
                for document in documents:
                    with self.subTest(values=name, kind=document["kind"], name=document["metadata"]["name"]):
                        self.assertEqual([], problems(document))

    def test_the_full_set_has_every_kind(self):
        kinds = {document["kind"] for document in rendered(FULL)}
        self.assertLessEqual(
            {"Cluster", "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Ingress", "Job", "NetworkPolicy", "PodDisruptionBudget",
             "PodMonitor", "PrometheusRule", "Secret", "Service", "ServiceAccount", "ServiceMonitor"},
            kinds,
        )

    def test_the_schemas_catch_what_is_wrong(self):
        documents = rendered(FULL)
        for kind, path, wrong in (
            ("Deployment", ("spec", "replica"), 2),
            ("Deployment", ("spec", "minReadySeconds"), "5"),
            ("HorizontalPodAutoscaler", ("spec", "maxReplica"), 2),
            ("Cluster", ("spec", "postgresql", "synchronous", "quorum"), 1),
            ("Cluster", ("spec", "instances"), "three"),
            ("ServiceMonitor", ("spec", "endpoint"), []),
            ("PrometheusRule", ("spec", "groups", 0, "rules", 0, "expression"), "up"),
        ):
            document = copy.deepcopy(of_kind(documents, kind)[0])
            *folders, last = path
            place = document
            for folder in folders:
                place = place[folder]
            place[last] = wrong
            with self.subTest(kind=kind, path=path):
                self.assertNotEqual([], problems(document))

    def test_objects_have_names_of_their_own(self):
        for values in SETS.values():
            names = [(each["kind"], each["metadata"]["name"]) for each in rendered(values)]
            self.assertEqual(len(set(names)), len(names), names)


class ValuesTest(unittest.TestCase):
    def refused(self, said, *values):
        with self.assertRaisesRegex(Refused, said):
            rendered(*values)

    def test_a_wrong_value_is_refused_in_a_sentence(self):
        self.refused("image.repository: where the store's image is")
        self.refused("Additional property replica is not allowed|additional properties 'replica' not allowed", IMAGE, {"replica": 3})
        self.refused("tag", IMAGE, {"image.tag": "latest"})
        self.refused("/redis/image|redis.image", IMAGE, {"redis.image": "redis:latest"})
        self.refused("externalDatabase.url: the database's JDBC address", IMAGE, {"postgresql.enabled": False})
        self.refused("externalDatabase.existingSecret", IMAGE, {"postgresql.enabled": False, "externalDatabase.url": "jdbc:postgresql://db/store"})
        self.refused("ingress.host", IMAGE, {"ingress.enabled": True})
        self.refused("preStopSeconds", IMAGE, {"stop.preStopSeconds": 0})
        self.refused("stop.graceSeconds: at least 90, which", IMAGE, {"stop": {"preStopSeconds": 10, "drainSeconds": 60, "graceSeconds": 89}})
        self.refused("store_demo", IMAGE, {"settings": {"store_demo": "true"}})

    def test_each_value_is_in_the_schema_and_each_of_the_schema_has_a_value(self):
        schema = json.loads((CHART / "values.schema.json").read_text())

        def walk(values, part, path):
            part = schema["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
            if "properties" not in part:
                return
            self.assertEqual(set(part["properties"]) - {"global"}, set(values), path)
            for name, value in values.items():
                walk(value, part["properties"][name], f"{path}.{name}")

        walk(yaml.safe_load((CHART / "values.yaml").read_text()), schema, "")

    def test_the_clusters_spec_can_be_written_over(self):
        (cluster,) = of_kind(rendered(IMAGE, {"postgresql.extraSpec": {"stopDelay": 77, "affinity": {"topologyKey": "zone"}}}), "Cluster")
        self.assertEqual((77, "zone", True), (cluster["spec"]["stopDelay"], cluster["spec"]["affinity"]["topologyKey"], cluster["spec"]["affinity"]["enablePodAntiAffinity"]))

    def test_a_bootstrap_of_ones_own_stands_alone(self):
        """The operator takes one way to begin, no two; what is said of the chart's own way is added to it."""
        recovery = {"recovery": {"source": "old", "database": "store", "owner": "store"}}
        (cluster,) = of_kind(rendered(IMAGE, {"postgresql.extraSpec": {"bootstrap": recovery}}), "Cluster")
        self.assertEqual(recovery, cluster["spec"]["bootstrap"])
        self.assertEqual([], problems(cluster))
        (cluster,) = of_kind(rendered(IMAGE, {"postgresql.extraSpec": {"bootstrap": {"initdb": {"walSegmentSize": 64}}}}), "Cluster")
        self.assertEqual(("store", 64), (cluster["spec"]["bootstrap"]["initdb"]["owner"], cluster["spec"]["bootstrap"]["initdb"]["walSegmentSize"]))


class PackedTest(unittest.TestCase):
    """No copy of any rule, question or dashboard: the chart has links to them, which helm follows."""

    def test_the_chart_holds_links_and_no_copies(self):
        listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-s", CHART / "files"], capture_output=True, text=True, check=True).stdout
        modes = {line.split("\t")[1].rpartition("/")[2]: line.split()[0] for line in listed.splitlines()}
        self.assertEqual({"rules": "120000", "dashboards": "120000", "exporters": "120000"}, modes)

    def test_rules_are_those_of_the_files(self):
        files = {file.stem: yaml.safe_load(file.read_text())["groups"] for file in (OPS / "prometheus/rules").glob("*.yml")}
        self.assertGreater(len(files), 5)
        self.assertEqual(files, {each["metadata"]["name"].removeprefix("shop-product-store-"): each["spec"]["groups"] for each in of_kind(rendered(FULL), "PrometheusRule")})

    def test_dashboards_are_those_of_the_files(self):
        files = {file.name: file.read_text() for file in (OPS / "grafana/dashboards").glob("*.json")}
        maps = [each for each in of_kind(rendered(FULL), "ConfigMap") if each["metadata"]["labels"].get("grafana_dashboard") == "1"]
        packed = {name: text for each in maps for name, text in each["data"].items()}
        self.assertEqual({name: json.loads(text) for name, text in files.items()}, {name: json.loads(text) for name, text in packed.items()})
        for text in packed.values():
            # What a ConfigMap may hold.
            self.assertLess(len(text.encode()), 1024 * 1024)

    def test_the_exporters_questions_are_those_of_the_file(self):
        (packed,) = of_kind(rendered(FULL), "ConfigMap", "shop-product-store-postgres-exporter")
        name = "postgres-queries.yml"
        self.assertEqual((OPS / "exporters" / name).read_text(), packed["data"][name])

    def test_an_archive_holds_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            run("package", CHART, "--destination", folder)
            (archive,) = pathlib.Path(folder).iterdir()
            packed = rendered(FULL, chart=archive)
        # Passwords are made anew each time.
        strip = lambda documents: [each for each in documents if each["kind"] != "Secret"]
        self.assertEqual(strip(rendered(FULL)), strip(packed))

    def test_monitors_name_the_jobs_that_rules_ask_for(self):
        rules = "".join(file.read_text() for file in (OPS / "prometheus/rules").glob("*.yml"))
        asked = set(re.findall(r'job="(\w+)"', rules))
        monitors = [each["spec"] for each in rendered(FULL) if each["kind"] in ("ServiceMonitor", "PodMonitor")]
        endpoints = [endpoint for spec in monitors for endpoint in spec.get("endpoints", spec.get("podMetricsEndpoints"))]
        jobs = [step["replacement"] for endpoint in endpoints for step in endpoint["relabelings"] if step["targetLabel"] == "job"]
        self.assertLessEqual(asked, set(jobs))
        self.assertEqual(len(set(jobs)), len(jobs))


class StoreTest(unittest.TestCase):
    """What the chart says of the store is what the store knows."""

    settings = (ROOT / "src/main/java/productstore/Settings.java").read_text()

    def test_versions_agree(self):
        pom = re.search(r"<artifactId>product-store</artifactId>\s*<version>(.+?)</version>", (ROOT / "pom.xml").read_text())[1]
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        self.assertEqual((pom, pom), (chart["appVersion"], chart["version"]))

    def test_images_are_those_of_compose(self):
        versions = dict(line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if re.match(r"\w+_VERSION=", line))
        values = yaml.safe_load((CHART / "values.yaml").read_text())
        self.assertEqual(
            [f"docker.io/library/redis:{versions['REDIS_VERSION']}", f"docker.io/prometheuscommunity/postgres-exporter:{versions['POSTGRES_EXPORTER_VERSION']}",
             f"docker.io/oliver006/redis_exporter:{versions['REDIS_EXPORTER_VERSION']}"],
            [part["image"] for part in (values["redis"], values["monitoring"]["postgresExporter"], values["monitoring"]["redisExporter"])],
        )

    def test_each_setting_is_one_that_the_store_reads(self):
        limits = (ROOT / "src/main/java/productstore/platform/Limits.java").read_text()
        known = set(re.findall(r"\b(?:STORE|OTEL)_[A-Z_]+[A-Z]\b", self.settings + (ROOT / "store").read_text()))
        known |= {"STORE_LIMITS_" + re.sub("([A-Z])", r"_\1", name).upper() for name in re.findall(r"@DefaultValue\(\S+\) \w+ (\w+)", limits)}
        for name, values in SETS.items():
            documents = rendered(values, upgrade=True)
            for pod, spec in pods(documents):
                for container in spec["containers"]:
                    named = {each["name"] for each in container.get("env", []) if each["name"].startswith(("STORE_", "OTEL_"))}
                    with self.subTest(values=name, pod=pod):
                        self.assertEqual(set(), named - known)
            self.assertIn("STORE_DB_URL", [each["name"] for each in store(documents)[1]["env"]])

    def test_ports_and_probes_are_the_stores(self):
        default = {name: int(port) for name, port in re.findall(r'read\.port\("(STORE_\w+)", (\d+)\)', self.settings)}
        _, container = store(rendered(IMAGE))
        self.assertEqual({"api": default["STORE_PORT"], "management": default["STORE_MANAGEMENT_PORT"]}, {port["name"]: port["containerPort"] for port in container["ports"]})
        groups = yaml.safe_load((ROOT / "src/main/resources/application.yaml").read_text())["management"]["endpoint"]["health"]["group"]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = container[probe]["httpGet"]
            self.assertEqual("management", asked["port"])
            self.assertIn(asked["path"].removeprefix("/health/"), groups)

    def test_image_and_user_are_those_of_the_dockerfile(self):
        dockerfile = (ROOT / "Dockerfile").read_text()
        user, group = re.search(r"(?m)^USER (\d+):(\d+)$", dockerfile).groups()
        spec, container = store(rendered(IMAGE))
        security = spec["template"]["spec"]["securityContext"]
        self.assertEqual((int(user), int(group)), (security["runAsUser"], security["runAsGroup"]))
        self.assertEqual(yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"], container["image"].rpartition(":")[2])

    def test_it_is_told_to_stop_later_than_others_and_has_time_for_it(self):
        spec, container = store(rendered(IMAGE))
        environment = {each["name"]: each.get("value") for each in container["env"]}
        phase = yaml.safe_load((ROOT / "src/main/resources/application.yaml").read_text())["spring"]["lifecycle"]["timeout-per-shutdown-phase"]
        sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        drain = int(environment["STORE_LIMITS_DRAIN_TIME"].removesuffix("s"))
        self.assertGreater(sleep, 0)
        self.assertGreater(spec["template"]["spec"]["terminationGracePeriodSeconds"], sleep + drain + int(phase.removesuffix("s")))
        self.assertEqual({"maxSurge": 1, "maxUnavailable": 0}, spec["strategy"]["rollingUpdate"])
        spec, _ = store(rendered(IMAGE, {"stop": {"preStopSeconds": 10, "drainSeconds": 60, "graceSeconds": 90}}))
        self.assertEqual(10 + 60 + int(phase.removesuffix("s")), spec["template"]["spec"]["terminationGracePeriodSeconds"])

    def test_no_pod_may_do_more_than_it_must(self):
        for name, values in SETS.items():
            for pod, spec in pods(rendered(values, upgrade=True)):
                with self.subTest(values=name, pod=pod):
                    self.assertIs(False, spec["automountServiceAccountToken"])
                    self.assertTrue(spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"])
                    self.assertEqual("RuntimeDefault", spec["securityContext"]["seccompProfile"]["type"])
                    for container in [*spec["containers"], *spec.get("initContainers", [])]:
                        security = container["securityContext"]
                        self.assertEqual((False, True, ["ALL"]), (security["allowPrivilegeEscalation"], security["readOnlyRootFilesystem"], security["capabilities"]["drop"]))
                        self.assertIn("memory", container["resources"]["limits"])
                        self.assertRegex(container["image"], r":(?!latest$)[\w.-]+$")

    def test_no_password_is_written_down(self):
        twice = [{each["metadata"]["name"]: {**each.get("data", {}), **each.get("stringData", {})} for each in of_kind(rendered(FULL), "Secret")} for _ in range(2)]
        self.assertEqual({"shop-product-store-admin", "shop-product-store-redis", "shop-product-store-postgres-exporter"}, set(twice[0]))
        for name, secret in twice[0].items():
            self.assertGreaterEqual(len(secret["password"]), 24)
            self.assertNotEqual(secret["password"], twice[1][name]["password"])

    def test_what_orders_are_in_is_kept_at_an_uninstall(self):
        kept = {(each["kind"], each["metadata"]["name"]) for each in rendered(FULL) if each["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"}
        self.assertEqual({("Cluster", "shop-product-store-db"), ("Secret", "shop-product-store-admin")}, kept)

    def test_the_schema_is_migrated_before_new_stores_run(self):
        hook = lambda values: of_kind(rendered(values, upgrade=True), "Job")[0]["metadata"]["annotations"]["helm.sh/hook"]
        self.assertEqual("pre-upgrade", hook(FULL))
        self.assertEqual("pre-upgrade,pre-install", hook(EXAMPLES / "existing-database.yaml"))

    def test_a_commit_waits_for_a_replica_where_there_is_one(self):
        (cluster,) = of_kind(rendered(FULL), "Cluster")
        self.assertEqual({"method": "any", "number": 1, "dataDurability": "required", "failoverQuorum": True}, cluster["spec"]["postgresql"]["synchronous"])
        (single,) = of_kind(rendered(EXAMPLES / "small.yaml"), "Cluster")
        self.assertNotIn("synchronous", single["spec"]["postgresql"])


class NetworkPolicyTest(unittest.TestCase):
    """Read as a network reads them that enforces them, which not every cluster has."""

    NAMES = {"api": 8080, "management": 9000}

    def setUp(self):
        documents = rendered(FULL)
        self.policies = of_kind(documents, "NetworkPolicy")
        parts = {"store": "store", "redis": "redis", "exporter": "postgres-exporter", "migration": "migrate"}
        labels = lambda part: {"app.kubernetes.io/name": "product-store", "app.kubernetes.io/instance": "shop", "app.kubernetes.io/component": part}
        self.pods = {name: ("shop", labels(part)) for name, part in parts.items()}
        self.pods["database"] = ("shop", {"cnpg.io/cluster": "shop-product-store-db"})
        self.pods["prometheus"] = ("monitoring", {})
        self.pods["ingress"] = ("ingress-nginx", {})
        self.pods["operator"] = ("cnpg-system", {})
        self.pods["dns"] = ("kube-system", {})
        self.pods["stranger"] = ("shop", {"app": "stranger"})
        # The labels are those that pods really get.
        made = [each["spec"]["template"]["metadata"]["labels"] for each in documents if "template" in each.get("spec", {})]
        for part in parts.values():
            self.assertTrue(any(labels(part).items() <= each.items() for each in made), part)

    def may(self, source, target, port):
        return self._one_way("Egress", source, target, port) and self._one_way("Ingress", target, source, port)

    def _one_way(self, direction, own, other, port):
        namespace, labels = self.pods[own]
        mine = [
            each["spec"] for each in self.policies
            if namespace == "shop" and each["spec"]["podSelector"]["matchLabels"].items() <= labels.items() and direction in each["spec"]["policyTypes"]
        ]
        peers = "to" if direction == "Egress" else "from"
        rules = [rule for spec in mine for rule in spec[direction.lower()]]
        return not mine or any(
            any(self.NAMES.get(each["port"], each["port"]) == port for each in rule["ports"])
            and (peers not in rule or any(self._is(other, peer) for peer in rule[peers]))
            for rule in rules
        )

    def _is(self, name, peer):
        namespace, labels = self.pods[name]
        if "namespaceSelector" in peer:
            return peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": namespace}
        return namespace == "shop" and peer["podSelector"]["matchLabels"].items() <= labels.items()

    def test_what_must_be_let_through_is(self):
        for source, target, port in (
            ("ingress", "store", 8080), ("prometheus", "store", 9000), ("store", "database", 5432), ("migration", "database", 5432), ("store", "redis", 6379),
            ("store", "dns", 53), ("exporter", "database", 5432), ("exporter", "dns", 53), ("prometheus", "exporter", 9187), ("prometheus", "redis", 9121),
            ("operator", "database", 8000), ("database", "database", 5432), ("database", "database", 8000),
            # Jaeger, wherever it is.
            ("store", "stranger", 4318),
        ):
            self.assertTrue(self.may(source, target, port), f"{source} to {target}:{port}")

    def test_nobody_else_gets_anywhere(self):
        for source, target, port in (
            ("stranger", "store", 8080), ("stranger", "store", 9000), ("ingress", "store", 9000), ("stranger", "database", 5432), ("ingress", "database", 5432),
            ("stranger", "redis", 6379), ("prometheus", "redis", 6379), ("stranger", "exporter", 9187), ("redis", "stranger", 80), ("store", "stranger", 80),
            ("exporter", "stranger", 5432), ("stranger", "database", 8000),
        ):
            self.assertFalse(self.may(source, target, port), f"{source} to {target}:{port}")


if __name__ == "__main__":
    unittest.main()
