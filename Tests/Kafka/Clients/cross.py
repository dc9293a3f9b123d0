"""Writes or reads the records that every client writes alike. cross.py CLIENT write|read BOOTSTRAP TOPIC [COUNT]"""
import sys

client, mode, bootstrap, topic = sys.argv[1:5]
BASE_MS = 1_700_000_000_000
KEYS = [f"key-{i}" for i in range(40)]


def show(partition, key, value, headers, timestamp):
    text = ",".join(f"{name}={data.decode()}" for name, data in headers)
    print(f"{partition} {key.decode()} {value.decode()} {text} {timestamp}")


def kafka_python_write():
    from kafka import KafkaProducer
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    sent = [producer.send(topic, key=key.encode(), value=f"{client}:{key}".encode(), headers=[("by", client.encode())],
                          timestamp_ms=BASE_MS + i) for i, key in enumerate(KEYS)]
    for future in sent:
        future.get(timeout=30)


def kafka_python_read(count):
    from kafka import KafkaConsumer
    consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=30_000)
    for _, record in zip(range(count), consumer):
        show(record.partition, record.key, record.value, record.headers, record.timestamp)
    consumer.close()


def confluent_write():
    from confluent_kafka import Producer
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "partitioner": "murmur2_random"})
    failed = []
    for i, key in enumerate(KEYS):
        producer.produce(topic, key=key, value=f"{client}:{key}", headers=[("by", client.encode())], timestamp=BASE_MS + i,
                         on_delivery=lambda error, _: error and failed.append(error))
    assert producer.flush(30) == 0 and not failed, failed


def confluent_read(count):
    from confluent_kafka import Consumer
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"cross-{topic}", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    for _ in range(count):
        record = consumer.poll(30)
        assert record is not None and not record.error(), record and record.error()
        show(record.partition(), record.key(), record.value(), record.headers(), record.timestamp()[1])
    consumer.close()


name = client.replace("-", "_")
if mode == "write":
    globals()[f"{name}_write"]()
else:
    globals()[f"{name}_read"](int(sys.argv[5]))
