"""
Images under the names that compose.yaml asks for, made without any registry: of Debian's packages, of what Maven, Go and PyPI bring,
and of the store's own sources. Each has its program where the real image has it, runs as another user, too, and takes what
compose.yaml gives the real one. Grafana, Kibana, Logstash and Filebeat can't be had.

    made(compose)    # the images of these services, by the service's name
"""

import pathlib
import shutil
import tempfile
import zipfile

import alertmanagers
import elastic
import jaeger
from images import build, debian, java_images, store_image
from rulebook import OPS, ROOT

PROGRAMS = (
    "curl", "wget", "procps", "tini", "postgresql", "redis-server", "rsyslog", "python3", "python3-venv",
    "prometheus", "prometheus-node-exporter", "prometheus-postgres-exporter", "prometheus-redis-exporter",
)

# By the service: what its image is made of.
DOCKERFILES = {
    "postgres": r"""
        COPY postgres /usr/local/bin/docker-entrypoint.sh
        RUN rm -rf /var/lib/postgresql/* && ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/
        VOLUME /var/lib/postgresql
        ENTRYPOINT ["docker-entrypoint.sh"]
    """,
    "redis": r"""
        RUN mkdir /data && chown redis:redis /data
        VOLUME /data
        WORKDIR /data
    """,
    "prometheus": r"""
        RUN mkdir -p /prometheus && chown nobody:nogroup /prometheus && rm -rf /etc/prometheus
        USER nobody
        VOLUME /prometheus
        WORKDIR /prometheus
        ENTRYPOINT ["/bin/prometheus"]
    """,
    "alertmanager": r"""
        COPY alertmanager /bin/alertmanager
        RUN mkdir -p /alertmanager && chown nobody:nogroup /alertmanager
        USER nobody
        VOLUME /alertmanager
        WORKDIR /alertmanager
        ENTRYPOINT ["/bin/alertmanager"]
    """,
    "node-exporter": r"""
        RUN ln -s prometheus-node-exporter /bin/node_exporter
        USER nobody
        ENTRYPOINT ["/bin/node_exporter"]
    """,
    "postgres-exporter": r"""
        RUN ln -s prometheus-postgres-exporter /bin/postgres_exporter
        USER nobody
        ENTRYPOINT ["/bin/postgres_exporter"]
    """,
    "redis-exporter": r"""
        RUN ln -s /bin/prometheus-redis-exporter /redis_exporter
        USER 59000:59000
        ENTRYPOINT ["/redis_exporter"]
    """,
    "jaeger": r"""
        COPY jaeger /cmd/jaeger/jaeger-linux
        USER 10001
        ENTRYPOINT ["/cmd/jaeger/jaeger-linux"]
    """,
    "elasticsearch": r"""
        ARG JAVA
        FROM ${JAVA} AS java
        FROM ${BASE}
        COPY --from=java /opt/java/openjdk /opt/java/openjdk
        RUN useradd --uid 1000 --gid 0 --home-dir /usr/share/elasticsearch elasticsearch
        COPY --chown=1000:0 elasticsearch /usr/share/elasticsearch
        COPY entrypoint /usr/local/bin/docker-entrypoint.sh
        RUN mkdir -p /usr/share/elasticsearch/data && chown 1000:0 /usr/share/elasticsearch /usr/share/elasticsearch/data
        ENV ES_JAVA_HOME=/opt/java/openjdk CLI_JAVA_OPTS=-Xmx64m
        USER 1000:0
        VOLUME /usr/share/elasticsearch/data
        WORKDIR /usr/share/elasticsearch
        ENTRYPOINT ["/bin/tini", "--", "/usr/local/bin/docker-entrypoint.sh", "eswrapper"]
    """,
    "python": r"""
        RUN ln -s /usr/bin/python3 /usr/local/bin/python
        CMD ["python"]
    """,
    # For ops/tests/standins.yaml: ships lines in the place of Filebeat and Logstash.
    "shipper": "",
}


def _bring(service, folder):
    """What the Dockerfile copies."""
    if service == "postgres":
        shutil.copy(OPS / "tests/entrypoints/postgres", folder)
    elif service == "alertmanager":
        shutil.copy(alertmanagers.newest()["alertmanager"], folder)
    elif service == "jaeger":
        shutil.copy(jaeger.installed(), folder / "jaeger")
    elif service == "elasticsearch":
        with zipfile.ZipFile(elastic.archive()) as packed:
            packed.extractall(folder)
            for entry in packed.infolist():
                if entry.external_attr >> 16:
                    (folder / entry.filename).chmod((entry.external_attr >> 16) & 0o777)
        (folder / f"elasticsearch-{elastic.VERSION}").rename(folder / "elasticsearch")
        shutil.copy(OPS / "tests/entrypoints/elasticsearch", folder / "entrypoint")


def stand_in(service, name):
    base = debian(*PROGRAMS)
    arguments = {"BASE": base, **({"JAVA": java_images()} if service == "elasticsearch" else {})}
    lines = "\n".join(line.strip() for line in DOCKERFILES[service].strip().splitlines())
    begin = "ARG BASE\n" if service == "elasticsearch" else "ARG BASE\nFROM ${BASE}\n"
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / service
        folder.mkdir()
        (folder / "Dockerfile").write_text(f"{begin}{lines}\n")
        _bring(service, folder)
        return build(name, folder, **arguments)


def made(services):
    """services: those of compose.yaml, read and with its variables filled in."""
    for name, service in services.items():
        if name in DOCKERFILES:
            stand_in(name, service["image"])
    python = services["locust"]["build"]["args"]["PYTHON_IMAGE"]
    stand_in("python", python)
    build(services["locust"]["image"], ROOT / "loadtest", ROOT / "bench", context=ROOT, PYTHON_IMAGE=python)
    store_image(services["store"]["image"])
