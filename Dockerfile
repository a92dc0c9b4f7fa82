# One file for everything in docker-compose.yml. `docker build .` without a target makes the name server.
#
# The targets that need no compiler come first: the classic builder makes every stage above the one that is asked for.

# Around the name server: load balancers, a resolver, members of etcd, and the stand-ins of instances and of a user. What
# they are to do is in tests/compose, mounted at /opt/compose.
FROM debian:bookworm-slim AS surroundings
RUN apt-get update \
    && apt-get install --yes --no-install-recommends etcd-client etcd-server haproxy nsd unbound python3-minimal libpython3-stdlib \
    && rm -rf /var/lib/apt/lists/* /var/lib/etcd \
    && install -d -o 65532 -g 65532 -m 0700 /var/lib/etcd
ENV PYTHONUNBUFFERED=1 ETCDCTL_API=3
USER 65532:65532
# HAProxy lets connections finish at SIGUSR1, which its package asks for; a region that is stopped is gone at once.
STOPSIGNAL SIGTERM

# Prometheus, for the profile of that name.
FROM debian:bookworm-slim AS metrics
RUN apt-get update \
    && apt-get install --yes --no-install-recommends prometheus \
    && rm -rf /var/lib/apt/lists/* /var/lib/prometheus \
    && install -d -o 65532 -g 65532 -m 0700 /var/lib/prometheus
USER 65532:65532

# The name server's image without the name server.
FROM debian:bookworm-slim AS runtime
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 65532 -g 65532 -m 0750 /var/lib/cadence-dns /run/cadence-dns
# A number, so that an orchestrator can see that it is not root. Port 53 needs no privilege: container engines lower
# net.ipv4.ip_unprivileged_port_start to 0 inside a container; where yours does not, set that sysctl or listen higher.
USER 65532:65532
VOLUME /var/lib/cadence-dns
EXPOSE 53/udp 53/tcp
STOPSIGNAL SIGTERM
# Fails when the daemon cannot be reached; a dead region is not the container's fault.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["cadence-dns", "status", "--config", "/etc/cadence-dns/cadence-dns.toml"]
ENTRYPOINT ["cadence-dns"]
CMD ["run", "--config", "/etc/cadence-dns/cadence-dns.toml"]

FROM rust:1.95-bookworm AS build
WORKDIR /build
# "release" builds in less than half the time.
ARG PROFILE=dist
COPY Cargo.toml Cargo.lock ./
# The dependencies alone, so that a change of ours does not build them again. Cargo wants every file that the manifest
# names, though none of them is built.
RUN mkdir -p src tests/bench \
    && sed -n 's/^path = "\(tests\/bench\/.*\)"/\1/p' Cargo.toml | xargs touch \
    && echo 'fn main() {}' >src/main.rs \
    && touch src/lib.rs \
    && cargo build --profile $PROFILE --locked --bin cadence-dns \
    && rm -r src
COPY src src
COPY zones zones
# The placeholders above are younger than the sources; without this, cargo would keep them.
RUN touch src/main.rs src/lib.rs \
    && cargo build --profile $PROFILE --locked --bin cadence-dns \
    && cp target/*/cadence-dns .

FROM runtime AS cadence-dns
COPY --from=build /build/cadence-dns /usr/local/bin/cadence-dns
