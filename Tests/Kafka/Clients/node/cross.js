// Writes or reads the records that every client writes alike: cross.js write|read BOOTSTRAP TOPIC [COUNT]
const { connect, run, until } = require('./client');

const [mode, bootstrap, topic, count] = process.argv.slice(2);
const kafka = connect(bootstrap);

async function write() {
  const producer = kafka.producer({ idempotent: true });
  await producer.connect();
  const messages = Array.from({ length: 40 }, (_, i) => ({
    key: `key-${i}`, value: `kafkajs:key-${i}`, headers: { by: 'kafkajs' }, timestamp: String(1_700_000_000_000 + i),
  }));
  await producer.send({ topic, acks: -1, messages });
  await producer.disconnect();
}

async function read() {
  const consumer = kafka.consumer({ groupId: `cross-js-${topic}`, maxWaitTimeInMs: 200 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const lines = [];
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      const headers = Object.entries(message.headers).map(([name, value]) => `${name}=${value}`).join(',');
      lines.push(`${partition} ${message.key} ${message.value} ${headers} ${message.timestamp}`);
    },
  });
  await until(() => lines.length >= Number(count), () => `${count} records (${lines.length} came)`);
  await consumer.disconnect();
  for (const line of lines) console.log(line);
}

run(mode === 'write' ? write : read);
