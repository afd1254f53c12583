# The app as a Space runs it: two system libraries, pinned packages, one unprivileged user.
FROM python:3.11-slim

WORKDIR /app
COPY packages.txt requirements.txt ./
# The CPU build of PyTorch is a tenth of the CUDA one. Give the index that PyTorch's selector shows for "CPU" with
# --build-arg TORCH_INDEX=...; without it the build of the default index is installed.
ARG TORCH_INDEX=
RUN apt-get update \
    && xargs -a packages.txt apt-get install -y --no-install-recommends \
    && rm -rf /var/lib/apt/lists/* \
    && if [ -n "$TORCH_INDEX" ]; then \
         pip install --no-cache-dir --index-url "$TORCH_INDEX" $(grep -Eo '^(torch|torchvision)==[0-9.]+' requirements.txt); \
       fi \
    && pip install --no-cache-dir -r requirements.txt \
    && useradd --create-home visitor

COPY --chown=visitor . .
USER visitor
# Otherwise each new container would build the page of the My browser tab at its first start.
RUN python -m demo.browser
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 GRADIO_ANALYTICS_ENABLED=False
EXPOSE 7860
CMD ["python", "app.py"]
