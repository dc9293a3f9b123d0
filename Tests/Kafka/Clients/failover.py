"""An idempotent producer of confluent-kafka that goes on through whatever happens to the brokers.

Arguments: bootstrap, topic, seconds. Writes how many records it sent, all of them acknowledged."""
import sys
import time

from confluent_kafka import Producer

bootstrap, topic, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
failures = []
producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "acks": "all", "linger.ms": 2})
end = time.monotonic() + seconds
sent = 0
while time.monotonic() < end:
    for _ in range(5):
        producer.produce(topic, key=str(sent), value=str(sent), on_delivery=lambda error, _: failures.append(error) if error else None)
        sent += 1
    producer.poll(0.002)
left = producer.flush(90)
assert left == 0, f"{left} are left"
assert not failures, failures[:3]
print(sent)
