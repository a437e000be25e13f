"""`python -m benchmarks.reference.subscriber BROKER_PORT SERVER_PORT`: one message after the other."""

import json
import sys

import paho.mqtt.client as paho
import requests
from paho.mqtt.enums import CallbackAPIVersion

from fanwatch.messages import topics
from fanwatch.sensors import FEATURES


def main() -> None:
    """Runs until it is ended."""
    broker_port, server_port = int(sys.argv[1]), int(sys.argv[2])
    client = paho.Client(CallbackAPIVersion.VERSION2)

    def on_message(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        reading = json.loads(message.payload)
        params = [reading[feature] for feature in FEATURES]
        answer = requests.post(f"http://127.0.0.1:{server_port}/", json={"params": params}, timeout=30).json()
        result = {"deviceID": reading["deviceID"], "timeStamp": reading["timeStamp"], **answer}
        client.publish(topics.RESULTS, json.dumps(result))

    client.on_message = on_message
    client.connect("127.0.0.1", broker_port)
    client.subscribe(topics.READINGS)
    client.loop_forever()


if __name__ == "__main__":
    main()
