FROM python:3.11-slim
WORKDIR /opt/agentrisk
COPY pyproject.toml setup.py README.md ./
COPY schemas schemas
COPY pipeline pipeline
RUN pip install --no-cache-dir . \
 && useradd --system --create-home agentrisk \
 && install -d -o agentrisk /var/cache/agentrisk
USER agentrisk
WORKDIR /home/agentrisk
ENTRYPOINT ["agentrisk"]
CMD ["serve"]
