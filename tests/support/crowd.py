"""`python -m tests.support.crowd PORT FANS`: a fleet that sends a reading and its result a second, each fan at a time
of its own within the second, until it is stopped. For the page alone: nothing of the pipeline runs."""

import json
import random
import sys
import time

from fanwatch.broker.tools import client, connect
from fanwatch.messages import topics
from fanwatch.settings import BrokerSettings
from tests.support.console import now_ms, reading, result


def main(port: int, fans: int) -> None:
    """Sends until it is stopped; falls behind rather than send less."""
    settings = BrokerSettings(broker_port=port)
    made = client(settings)
    connect(made, settings)
    made.loop_start()
    chance = random.Random(1)
    names = [f"fan-{number:04}" for number in range(1, fans + 1)]
    began = time.monotonic()
    sent = 0
    while True:
        name = names[sent % fans]
        wait_s = began + sent / fans - time.monotonic()
        if wait_s > 0.002:
            time.sleep(wait_s)
        ms = now_ms()
        values = {"vibration": round(chance.gauss(150, 8), 1), "rotation": round(chance.gauss(600, 9), 1)}
        topic = topics.READINGS if sent % 2 else f"fan/{name}/messages"
        made.publish(topic, json.dumps(reading(name, ms, **values)))
        made.publish(topics.RESULTS, json.dumps(result(name, round(chance.random() * 0.3, 4), ms)))
        sent += 1
        if sent % (10 * fans) == 0:
            behind_s = time.monotonic() - began - sent / fans
            print(json.dumps({"sent": 2 * sent, "behind_s": round(behind_s, 2)}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
