# InfluxDB and Telegraf as `python -m local.tools` builds them, and nothing else.
FROM scratch
COPY influxd telegraf /
USER 10001
