"""A producer, a consumer without a group and the admin of kafka-python, against a silo. Arguments: bootstrap, topic."""
import sys

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic

bootstrap, topic = sys.argv[1:3]
admin = KafkaAdminClient(bootstrap_servers=bootstrap)
admin.create_topics([NewTopic(topic, 2, 1, topic_configs={"retention.ms": "315360000000"})])
admin.create_partitions({topic: NewPartitions(3)})
described = admin.describe_topics([topic])[0]
assert described["error_code"] == 0 and len(described["partitions"]) == 3, described
configs = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
assert "315360000000" in str(configs), configs

codecs = [None, "gzip"]
for codec in codecs:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", compression_type=codec)
    sent = [
        producer.send(topic, key=b"k%d" % i, value=b"%s-%d" % (str(codec).encode(), i), headers=[("h", b"x")], timestamp_ms=1_700_000_000_000 + i)
        for i in range(500)
    ]
    producer.flush()
    assert all(future.get(30).offset >= 0 for future in sent)
    producer.close()

consumer = KafkaConsumer(bootstrap_servers=bootstrap, consumer_timeout_ms=30_000)
partitions = [TopicPartition(topic, i) for i in sorted(consumer.partitions_for_topic(topic))]
consumer.assign(partitions)
consumer.seek_to_beginning()
found = {}
for record in consumer:
    assert record.headers == [("h", b"x")] and 1_700_000_000_000 <= record.timestamp < 1_700_000_000_500, record
    found[record.value] = record
    if len(found) == 500 * len(codecs):
        break
assert len(found) == 500 * len(codecs), len(found)
ends = consumer.end_offsets(partitions)
assert sum(ends.values()) == 500 * len(codecs), ends
assert sum(consumer.beginning_offsets(partitions).values()) == 0
assert consumer.offsets_for_times({partitions[0]: 0})[partitions[0]].offset == 0
consumer.close()
for record in sorted(found.values(), key=lambda r: r.key):
    print(record.key.decode(), record.partition)
admin.close()
