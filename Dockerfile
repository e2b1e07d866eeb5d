# An image with dcmsend: Debian 13, its Python 3.13, and the packages of a plain installation.
#   docker build -t dcmsend .
# BASE may name another Debian or Ubuntu with Python 3.11 or newer.
ARG BASE=debian:trixie-slim

FROM ${BASE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv
COPY . /src
RUN python3 -m venv /opt/dcmsend && /opt/dcmsend/bin/pip install --no-cache-dir /src

FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends python3 tzdata && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home sender
COPY --from=build /opt/dcmsend /opt/dcmsend
ENV PATH=/opt/dcmsend/bin:$PATH
USER sender
ENTRYPOINT ["dcmsend"]
