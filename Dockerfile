# The store as an image: docker build -t product-store .    (or ops/image/build, which takes docker, podman or buildah)
#
# Both images must have the same build of Java: what the second stage learns of a start is good for the Java that learned it only.
ARG JDK_IMAGE=docker.io/library/eclipse-temurin:25.0.3_9-jdk-noble
ARG JRE_IMAGE=docker.io/library/eclipse-temurin:25.0.3_9-jre-noble

FROM ${JDK_IMAGE} AS build
WORKDIR /build
COPY mvnw pom.xml ./
COPY .mvn .mvn
COPY src/main src/main
# A registry of one's own is named in a settings file: docker build --secret id=maven-settings,src=settings.xml
RUN --mount=type=secret,id=maven-settings,target=/run/maven-settings.xml \
    settings=; [ ! -f /run/maven-settings.xml ] || settings='-s /run/maven-settings.xml'; \
    ./mvnw -B -q -ntp $settings package -Dmaven.test.skip=true -Dspotless.check.skip=true
RUN java -Djarmode=tools -jar target/product-store.jar extract --destination app

FROM ${JRE_IMAGE}
LABEL org.opencontainers.image.title="Product Store" \
      org.opencontainers.image.description="A shop's back end: catalogue, stock, orders and sign-in behind one HTTP API" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 store \
    && useradd --uid 10001 --gid store --home-dir /data --no-create-home --shell /usr/sbin/nologin store \
    && mkdir -p /app /data /var/log/store \
    && chown store:store /app /data /var/log/store
WORKDIR /app
COPY ops/image/healthy ./
# Libraries apart from our own classes: they change more rarely, and are most of the image.
COPY --from=build /build/app/lib lib
COPY --from=build /build/app/product-store.jar ./

USER 10001:10001
# In 512 MB a heap of 205 MB, about what ./store run has by default; the rest is for all that Java keeps beside it.
ENV LANG=C.UTF-8 LC_ALL=C.UTF-8 \
    STORE_DATA_DIR=/data \
    STORE_LOG=json \
    STORE_JAVA_OPTS="-XX:MaxRAMPercentage=40 -XX:+UseParallelGC -XX:+UseCompactObjectHeaders -XX:TrimNativeHeapInterval=5000"
# A training run by the Java that will run it, which makes starts fast; see ./store.
RUN java -Xmx192m -XX:+UseParallelGC -XX:+UseCompactObjectHeaders -XX:AOTCacheOutput=/app/store.aot \
      -jar /app/product-store.jar train /tmp/training >/tmp/training.log 2>&1 || { cat /tmp/training.log; exit 1; }; \
    rm -rf /tmp/training /tmp/training.log

VOLUME /data
EXPOSE 8080 9000
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 CMD ["/app/healthy"]
# The shell makes words of STORE_JAVA_OPTS and becomes Java, which thus hears of SIGTERM itself.
ENTRYPOINT ["/bin/sh", "-c", "exec java -XX:AOTCache=/app/store.aot -Xlog:aot=off -Xlog:cds=off $STORE_JAVA_OPTS -XX:+ExitOnOutOfMemoryError -Dstdout.encoding=UTF-8 -Dstderr.encoding=UTF-8 -jar /app/product-store.jar \"$@\"", "store"]
CMD ["run"]
