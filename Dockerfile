# docker build -t adversaria .
# docker run --rm --gpus all --user "$(id -u):$(id -g)" -v "$PWD/outputs:/adversaria/outputs" -v PATH:/data:ro adversaria \
#     train.py model=gan data=celeba data.root=/data
#
# The image has PyTorch's default build for Linux, which uses a GPU where there is one. For a smaller image without it, give
# the index of the CPU build that pytorch.org names: docker build -t adversaria --build-arg TORCH_INDEX=URL .
FROM python:3.12-slim
ARG TORCH_INDEX=""
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*
WORKDIR /adversaria
COPY . .
RUN if [ -n "$TORCH_INDEX" ]; then pip install --no-cache-dir --index-url "$TORCH_INDEX" torch torchvision; fi \
    && pip install --no-cache-dir -e '.[explore,export,sweep]'
# any user can write what a run leaves, and what libraries keep in a home folder
RUN mkdir -p outputs .cache && chmod 777 outputs .cache && git config --system --add safe.directory /adversaria
ENV HOME=/tmp
ENTRYPOINT ["python"]
CMD ["train.py"]
