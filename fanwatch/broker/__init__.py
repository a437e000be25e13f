"""The broker: `Subscriber` and `Publisher` are made for the way of every reading; `tools` helps every other client."""

from fanwatch.broker.publisher import NO_SUBSCRIBER, PUBLISHED, Publisher
from fanwatch.broker.subscriber import Connection, Message, Subscriber

__all__ = ["NO_SUBSCRIBER", "PUBLISHED", "Connection", "Message", "Publisher", "Subscriber"]
