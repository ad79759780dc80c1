"""
The chart on a real Kubernetes: installed, updated, robbed of a store and of the database's primary, put back, uninstalled and installed again,
all of it under orders and reads, by the commands of docs/kubernetes.md with names and sizes of its own. The tests are one story, told in
their order.

    KUBECONFIG     a cluster with CloudNativePG and prometheus-operator's definitions
    KUBE_LOAD      a command that makes a tar of images known to its nodes, which it is given as the last word: "kind load image-archive"
    KUBE_POSTGRES  the image of PostgreSQL; the chart's unless given
    KUBE_NODE      where NodePorts answer; the first node's address unless given
"""

import atexit
import base64
import json
import os
import pathlib
import random
import shlex
import shutil
import subprocess
import tempfile
import time
import unittest

import yaml

import helm
import images
from crowd import Client, Crowd
from processes import wait_until
from rulebook import OPS

RELEASE = "shop"
STORE = "shop-product-store"
CLUSTER = f"{STORE}-db"
REPOSITORY = "localhost/store-tests/product-store"
DEFAULTS = yaml.safe_load((helm.CHART / "values.yaml").read_text())
# Stand-ins under the names that the chart asks for: Debian's packages and the programs in them.
OTHERS = {
    DEFAULTS["redis"]["image"]: ("redis-server", "redis-server"),
    DEFAULTS["monitoring"]["postgresExporter"]["image"]: ("prometheus-postgres-exporter", "prometheus-postgres-exporter"),
    DEFAULTS["monitoring"]["redisExporter"]["image"]: ("prometheus-redis-exporter", "prometheus-redis-exporter"),
}
SMALL = {"requests": {"cpu": "20m", "memory": "64Mi"}}


def kubectl(*words, told=None, timeout=180):
    done = subprocess.run(["kubectl", *words], input=told, capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        raise AssertionError(f"kubectl {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


class KubernetesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for name in ("KUBECONFIG", "KUBE_LOAD"):
            if not os.environ.get(name):
                raise AssertionError(f"{name} is not set; docs/kubernetes.md says how to test on a cluster")
        cls.scratch = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.scratch)
        cls.load_images()
        cls.namespace = f"store-tests-{random.randrange(10**6):06}"
        # unittest leaves its cleanups undone when it is interrupted.
        for clean in (atexit.register, cls.addClassCleanup):
            clean(cls.remove)
        kubectl("create", "namespace", cls.namespace)
        cls.values = {
            "image.repository": REPOSITORY,
            "image.tag": "one",
            "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"memory": "640Mi"}},
            # Products, and clients that all have one address.
            "settings": {"STORE_DEMO": "true", "STORE_RATE_LIMIT": "off"},
            "service.type": "NodePort",
            "postgresql.size": "1Gi",
            "postgresql.image": os.environ.get("KUBE_POSTGRES", DEFAULTS["postgresql"]["image"]),
            "postgresql.resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
            "redis.resources": SMALL,
            "monitoring.enabled": True,
            "monitoring.postgresExporter.resources": SMALL,
            "monitoring.redisExporter.resources": SMALL,
        }
        cls.acknowledged = {}
        began = time.monotonic()
        try:
            cls.helm("install", "--wait", timeout=420)
            cls.wait_for_database()
        except BaseException:
            cls.addClassCleanup(print, cls.state())
            raise
        print(f"install: ready after {time.monotonic() - began:.0f} s", flush=True)
        cls.address = (os.environ.get("KUBE_NODE") or cls.node(), int(cls.k("get", "service", STORE, "-o", "jsonpath={.spec.ports[0].nodePort}")))
        cls.products = cls.stock_up()

    @classmethod
    def load_images(cls):
        first = images.store_image(f"{REPOSITORY}:one")
        (cls.scratch / "two").mkdir()
        number = images.call("podman", "image", "inspect", "-f", "{{.Id}}", first).strip()
        (cls.scratch / "two/Dockerfile").write_text(f"FROM {first}\nLABEL successor-of={number}\n")
        names = [first, images.build(f"{REPOSITORY}:two", cls.scratch / "two")]
        base = images.debian(*sorted({package for package, _ in OTHERS.values()}))
        for number, (name, (_, program)) in enumerate(OTHERS.items()):
            folder = cls.scratch / str(number)
            folder.mkdir()
            (folder / "Dockerfile").write_text(f'FROM {base}\nENTRYPOINT ["{program}"]\n')
            names.append(images.build(name, folder))
        archive = cls.scratch / "images.tar"
        images.call("podman", "save", "-q", "--format", "docker-archive", "--multi-image-archive", "-o", archive, *names)
        subprocess.run([*shlex.split(os.environ["KUBE_LOAD"]), archive], check=True, timeout=600)
        archive.unlink()

    @classmethod
    def remove(cls):
        """Once more, it does nothing."""
        if kubectl("get", "namespace", cls.namespace, "--ignore-not-found", "-o", "name"):
            try:
                cls.k("delete", "cluster.postgresql.cnpg.io", "--all", "--timeout=60s")
            finally:
                kubectl("delete", "namespace", cls.namespace, "--timeout=150s")

    @classmethod
    def k(cls, *words, **more):
        return kubectl("-n", cls.namespace, *words, **more)

    @classmethod
    def got(cls, kind, selector=""):
        return json.loads(cls.k("get", kind, "-o", "json", *(["-l", selector] if selector else [])))["items"]

    @classmethod
    def helm(cls, verb, *options, timeout=300, **values):
        chart = [helm.CHART] if verb in ("install", "upgrade") else []
        given = helm.with_values({**cls.values, **values}) if chart else []
        limit = ["--timeout", f"{timeout}s"] if "--wait" in options else []
        return helm.run(verb, RELEASE, *chart, "--namespace", cls.namespace, *options, *limit, *given, timeout=timeout + 60)

    @classmethod
    def state(cls):
        said = [cls.k("get", "pods,jobs,cluster", "-o", "wide"), cls.k("get", "events", "--sort-by=.lastTimestamp")[-6000:]]
        for pod in cls.stores():
            said.append(cls.k("logs", pod["metadata"]["name"], "--tail=20", "--all-containers"))
        return "\n".join(said)

    @classmethod
    def node(cls):
        (node, *_) = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
        return next(each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP")

    @classmethod
    def stores(cls):
        return cls.got("pods", f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=store")

    @classmethod
    def ready_stores(cls):
        conditions = lambda pod: {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
        return [pod for pod in cls.stores() if conditions(pod).get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]]

    @classmethod
    def database(cls):
        return json.loads(cls.k("get", "cluster.postgresql.cnpg.io", CLUSTER, "-o", "json"))["status"]

    @classmethod
    def wait_for_database(cls, seconds=240):
        healthy = lambda: cls.database().get("phase") == "Cluster in healthy state" and cls.database().get("readyInstances") == 3
        wait_until("the database has three instances", healthy, seconds)

    @classmethod
    def password(cls):
        return base64.b64decode(cls.k("get", "secret", f"{STORE}-admin", "-o", "jsonpath={.data.password}")).decode()

    @classmethod
    def token(cls):
        account = {"email": DEFAULTS["admin"]["email"], "password": cls.password()}
        status, body = Client(cls.address, None, False).ask("POST", "/api/auth/login", account)
        if status != 200:
            raise AssertionError(f"sign-in: {status} {body}")
        return body["access_token"]

    @classmethod
    def stock_up(cls):
        client = Client(cls.address, cls.token(), True)
        status, found = client.ask("GET", "/api/products/?limit=20&in_stock=true")
        if status != 200 or len(found["items"]) < 20:
            raise AssertionError(f"products: {status} {found}")
        for product in found["items"]:
            status, _ = client.ask("POST", f"/api/products/{product['id']}/stock", {"delta": 100000, "reason": "for the test"})
            if status != 200:
                raise AssertionError(f"stock: {status}")
        return [product["id"] for product in found["items"]]

    def pod_says(self, pod, port, path):
        return kubectl("get", "--raw", f"/api/v1/namespaces/{self.namespace}/pods/{pod}:{port}/proxy{path}")

    def crowd(self):
        return Crowd(self.address, self.token(), self.products)

    def assert_all_is_there(self, crowd=None):
        """Every order that was ever answered, each once, and no piece of stock is amiss."""
        if crowd:
            self.assertEqual(([], []), (crowd.broken, crowd.unanswered))
            self.acknowledged.update(crowd.orders)
        client = Client(self.address, self.token(), True)
        found, cursor = [], ""
        while cursor is not None:
            status, page = client.ask("GET", f"/api/orders/?limit=100&with_total=false{cursor and f'&cursor={cursor}'}")
            self.assertEqual(200, status, page)
            found += [order["id"] for order in page["items"]]
            cursor = page["next_cursor"]
        self.assertEqual(sorted(self.acknowledged.values()), sorted(found))
        self.assertEqual((200, {"items": []}), client.ask("GET", "/api/inventory/audit"))

    def assert_nothing_failed(self, crowd):
        self.assertEqual([], [what for _, what in crowd.failures])
        self.assertGreater(len(crowd.orders), 100)
        self.assert_all_is_there(crowd)

    def image_of_stores(self):
        return {pod["spec"]["containers"][0]["image"].rpartition(":")[2] for pod in self.stores()}

    def restarts(self):
        return sorted(pod["status"]["containerStatuses"][0]["restartCount"] for pod in self.stores())

    def setUp(self):
        wait_until("two stores are ready", lambda: len(self.ready_stores()) == 2 == len(self.stores()), 180)

    def test_1_two_stores_on_three_instances_are_ready(self):
        for pod in self.ready_stores():
            name = pod["metadata"]["name"]
            metrics = self.pod_says(name, 9000, "/metrics")
            self.assertRegex(metrics, r"(?m)^store_redis_up\S* 1\.0$")
            # A new database may take connections, and none again for a moment; nothing else ends a store.
            if pod["status"]["containerStatuses"][0]["restartCount"]:
                self.assertIn("cannot be reached", self.k("logs", name, "--previous", "--tail=20"))
        # Nobody who is not signed in as a superuser can set these; the operator has.
        primary = self.database()["currentPrimary"]
        ask = lambda sql: self.k("exec", primary, "-c", "postgres", "--", "psql", "-tA", "-d", "store", "-c", sql).split()
        self.assertEqual(["quorum", "quorum"], ask("SELECT sync_state FROM pg_stat_replication"))
        self.assertEqual(["fuzzystrmatch", "pg_stat_statements", "pg_trgm"], ask("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1"))
        self.assertEqual(["1.1"], ask("SHOW random_page_cost"))
        encrypted = ask("SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'product-store'")
        self.assertEqual(["t"], encrypted)

    def test_1_what_watches_them_was_taken_and_answers(self):
        rules = {each["metadata"]["name"].removeprefix(f"{STORE}-"): each["spec"]["groups"] for each in self.got("prometheusrule")}
        self.assertEqual({file.stem: yaml.safe_load(file.read_text())["groups"] for file in (OPS / "prometheus/rules").glob("*.yml")}, rules)
        self.assertEqual({f"{STORE}-{job}" for job in ("store", "node", "prometheus", "alertmanager")}, {each["metadata"]["name"] for each in self.got("servicemonitor")})
        self.assertEqual({f"{STORE}-{job}" for job in ("postgres", "redis")}, {each["metadata"]["name"] for each in self.got("podmonitor")})
        boards = {name: json.loads(text) for each in self.got("configmap", "grafana_dashboard=1") for name, text in each["data"].items()}
        self.assertEqual({file.name: json.loads(file.read_text()) for file in (OPS / "grafana/dashboards").glob("*.json")}, boards)
        exporters = self.got("pods", "app.kubernetes.io/component=postgres-exporter")
        self.assertEqual({f"{CLUSTER}-rw", f"{CLUSTER}-ro"}, {pod["metadata"]["labels"]["database"] for pod in exporters})
        for pod in exporters:
            says = lambda name=pod["metadata"]["name"]: self.pod_says(name, 9187, "/metrics")
            wait_until("the exporter sees the database", lambda: "\npg_up 1\n" in says(), 60)
            for metric in ("pg_replica_lag_seconds", "pg_transaction_longest_seconds{", "pg_statement_calls_total{", "pg_stat_database_xact_commit{"):
                self.assertIn(f"\n{metric}", says())
        (redis,) = self.got("pods", "app.kubernetes.io/component=redis")
        self.assertIn("\nredis_up 1\n", self.pod_says(redis["metadata"]["name"], 9121, "/metrics"))
        # Helm keeps all of a release in one Secret, which can't hold more.
        (kept, *_) = self.got("secrets", "owner=helm")
        self.assertLess(len(kept["data"]["release"]), 1024 * 1024)

    def test_2_an_upgrade_loses_no_request(self):
        before = {pod["metadata"]["name"] for pod in self.stores()}
        with self.crowd() as crowd:
            time.sleep(5)
            said = json.loads(self.helm("upgrade", "--wait", "-o", "json", **{"image.tag": "two"}))
            # Until the last of the old ones is gone.
            wait_until("the old stores have ended", lambda: not before & {pod["metadata"]["name"] for pod in self.stores()}, 90)
            time.sleep(3)
        print(f"upgrade: {crowd}", flush=True)
        self.assertEqual({"two"}, self.image_of_stores())
        self.assertEqual([("Job", "Succeeded")], [(hook["kind"], hook["last_run"]["phase"]) for hook in said["hooks"]])
        self.assert_nothing_failed(crowd)

    def test_3_a_store_that_is_evicted_loses_no_request_and_a_second_one_must_wait(self):
        (first, second) = [pod["metadata"]["name"] for pod in self.ready_stores()]
        evict = lambda pod: self.k(
            "create", "--raw", f"/api/v1/namespaces/{self.namespace}/pods/{pod}/eviction", "-f", "-",
            told=json.dumps({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": self.namespace}}),
        )
        with self.crowd() as crowd:
            time.sleep(2)
            evict(first)
            with self.assertRaisesRegex(AssertionError, "disruption budget"):
                evict(second)
            wait_until("the store has ended", lambda: first not in {pod["metadata"]["name"] for pod in self.stores()}, 90)
            time.sleep(3)
        print(f"a store evicted: {crowd}", flush=True)
        self.assert_nothing_failed(crowd)

    def test_4_a_store_that_crashes_loses_nothing_that_was_answered(self):
        with self.crowd() as crowd:
            time.sleep(5)
            # A pod that is deleted, however rudely, is told to end and drains. Java that is told that it has touched wrong memory does not.
            self.k("exec", self.ready_stores()[0]["metadata"]["name"], "-c", "store", "--", "bash", "-c", "kill -SEGV 1")
            wait_until("Kubernetes starts it again", lambda: 1 in self.restarts(), 60)
            time.sleep(15)
        print(f"a store crashed: {crowd}", flush=True)
        self.assertGreater(len(crowd.failures) + crowd.asked_again, 0)
        self.assert_all_is_there(crowd)
        # The other one goes on at once; only what the crashed one had, and who came before the cluster knew, is troubled.
        self.assertLess(crowd.pause(), 5)

    def test_5_a_primary_that_crashes_is_succeeded_and_loses_nothing_that_was_answered(self):
        self.wait_for_database()
        restarts = self.restarts()
        with self.crowd() as crowd:
            time.sleep(5)
            primary = self.database()["currentPrimary"]
            killed = time.monotonic()
            # The server itself, which has no time for anything; then its pod, so that it is not simply started again.
            self.k("exec", primary, "-c", "postgres", "--", "bash", "-c", "kill -KILL $(head -n 1 $PGDATA/postmaster.pid)")
            self.k("delete", "pod", primary, "--grace-period=0", "--force")
            wait_until("there is another primary", lambda: self.database()["currentPrimary"] != primary, 60)
            promoted = time.monotonic()
            wait_until("orders go on", lambda: crowd.placed[-1] > promoted, 60)
            time.sleep(15)
        print(f"the primary crashed: another one after {promoted - killed:.1f} s; {crowd}", flush=True)
        self.assertGreater(len(crowd.failures), 0)
        self.assert_all_is_there(crowd)
        self.assertLess(crowd.pause(), 30)
        # No store was taken out of service for it, and none has ended.
        self.assertEqual(2, len(self.ready_stores()))
        self.assertEqual(restarts, self.restarts())
        self.wait_for_database()

    def test_6_a_rollback_loses_no_request(self):
        self.assertEqual({"two"}, self.image_of_stores())
        with self.crowd() as crowd:
            time.sleep(2)
            self.helm("rollback", "--wait")
            wait_until("the newer stores have ended", lambda: self.image_of_stores() == {"one"}, 90)
            time.sleep(3)
        print(f"rollback: {crowd}", flush=True)
        self.assert_nothing_failed(crowd)

    def test_7_what_is_installed_after_an_uninstall_finds_the_data(self):
        password = self.password()
        helm.run("uninstall", RELEASE, "--namespace", self.namespace, "--wait")
        wait_until("the stores are gone", lambda: not self.stores(), 90)
        self.assertEqual(3, self.database()["readyInstances"])
        self.values["service.nodePort"] = self.address[1]
        self.helm("install", "--wait")
        self.assertEqual(password, self.password())
        self.assert_all_is_there()
        with self.crowd() as crowd:
            time.sleep(5)
        self.assert_nothing_failed(crowd)


if __name__ == "__main__":
    unittest.main()
