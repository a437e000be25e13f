# The local gateway, for containers: serve.py makes it listen beyond loopback. The checkout is mounted at /checkout.
ARG PYTHON_IMAGE
ARG BUILD_IMAGE
FROM ${BUILD_IMAGE}
RUN python -m venv --without-pip /opt/venv
COPY run.txt /tmp/run.txt
RUN pip --python /opt/venv install --no-cache-dir --require-hashes -r /tmp/run.txt
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/checkout PYTHONDONTWRITEBYTECODE=1
WORKDIR /checkout
USER 10001
CMD ["python", "tests/images/own/serve.py"]
