# Two stages: the first builds the virtual environment, the second runs it as an ordinary user.
#
#   docker build -t wail .                                        whatever torch build the configured index gives
#   docker build -t wail --build-arg TORCH_INDEX=<index> .        the CPU or CUDA index that PyTorch's own install page names
#   docker build -t wail --build-arg DEVICE=cuda .                fits and trains on the GPU by default

FROM python:3.11-slim-bookworm AS build
ARG TORCH_INDEX=""
WORKDIR /app
COPY requirements.lock ./
RUN python -m venv /venv \
    && if [ -n "$TORCH_INDEX" ]; then \
         /venv/bin/pip install --no-cache-dir --index-url "$TORCH_INDEX" "$(grep '^torch==' requirements.lock)"; fi \
    && /venv/bin/pip install --no-cache-dir -r requirements.lock \
    # The JavaScript runtime that yt-dlp needs for YouTube.
    && /venv/bin/pip install --no-cache-dir "deno==2.9.8"
COPY pyproject.toml README.md LICENSE prefect.yaml ./
COPY schemas schemas
COPY tasks tasks
COPY flows flows
COPY wail wail
RUN /venv/bin/pip install --no-cache-dir --no-deps --editable .

FROM python:3.11-slim-bookworm
ARG DEVICE=cpu
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 wail \
    && mkdir /data && chown wail /data
COPY --from=build /venv /venv
COPY --from=build --chown=wail /app /app
ENV PATH=/venv/bin:$PATH WAIL_DEVICE=$DEVICE WAIL_HOME=/app HF_HUB_OFFLINE=1 DO_NOT_TRACK=1 \
    PREFECT_SERVER_ANALYTICS_ENABLED=false OMP_WAIT_POLICY=PASSIVE
USER wail
WORKDIR /app
VOLUME /data
ENTRYPOINT ["wail"]
CMD ["--help"]
