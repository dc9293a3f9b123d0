// Moves a partition by kafkajs' admin client while its producer goes on: reassign.js BOOTSTRAP TOPIC
const { connect, until, run } = require('./client');

const [bootstrap, topic] = process.argv.slice(2);
const COUNT = 200;

run(async () => {
  const kafka = connect(bootstrap);
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, replicaAssignment: [{ partition: 0, replicas: [1] }] }] });

  const producer = kafka.producer({ idempotent: true });
  await producer.connect();
  const send = async (from, to) => {
    for (let i = from; i < to; i++) await producer.send({ topic, acks: -1, messages: [{ value: `${i}`, partition: 0 }] });
  };
  await send(0, COUNT / 2);
  const producing = send(COUNT / 2, COUNT);
  await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment: [{ partition: 0, replicas: [3, 2] }] }] });
  await until(async () => {
    const { topics } = await admin.listPartitionReassignments({ topics: [{ topic, partitions: [0] }] });
    return topics.length === 0;
  }, 'the end of the reassignment');
  await producing;
  await until(async () => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const { leader, replicas, isr } = topics[0].partitions[0];
    return leader === 3 && `${replicas}` === '3,2' && isr.length === 2;
  }, 'the new replicas');

  const read = [];
  const consumer = kafka.consumer({ groupId: `${topic}-readers` });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => read.push(message.value.toString()) });
  await until(() => read.length >= COUNT, () => `reading ${COUNT} records (${read.length})`);
  if (`${read}` !== `${Array.from({ length: COUNT }, (_, i) => i)}`) throw new Error(`read was ${read}`);
  await consumer.disconnect();
  await producer.disconnect();
  await admin.disconnect();
  console.log('ok');
});
