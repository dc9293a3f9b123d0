using OrleansLog.Client;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Proofs;

/// <summary>
/// Reads a topic back and compares it with the ledger. It reads again what it has read in the last two audits, in case that a
/// crash took it back, and all there is when told to.
/// </summary>
internal sealed class LedgerAudit(OrleansLogClient client, string topic, Ledger ledger, int producers)
{
    // Of a wait, not of a reading, which is as long as the run was.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);
    private const int RecordsBetweenDeadlines = 10_000;

    private readonly Queue<State> _earlier = new([new State(ledger.Partitions, producers), new State(ledger.Partitions, producers)]);

    /// <summary>Records read in all audits.</summary>
    public long RecordsRead { get; private set; }

    /// <summary>
    /// Checks that every acknowledged record is at its offset with its bytes, that offsets are dense, and that each partition
    /// holds, of each producer, exactly the first so many records it sent there, in their order and once each.
    /// </summary>
    public async Task RunAsync(bool fromTheStart = false)
    {
        ledger.ThrowOnViolation();
        var state = fromTheStart ? new State(ledger.Partitions, producers) : _earlier.Dequeue().Copy();
        var acknowledged = ledger.Ends();
        var partitions = Enumerable.Range(0, ledger.Partitions).Select(number => new TopicPartition(topic, number)).ToArray();
        var ends = await client.Admin.ListOffsetsAsync(partitions, LogPosition.End);
        foreach (var partition in partitions)
        {
            Assert.True(
                ends[partition] >= acknowledged[partition.Partition],
                $"{partition} ends at {ends[partition]}, but offset {acknowledged[partition.Partition] - 1} was acknowledged.");
        }

        var first = await client.Admin.ListOffsetsAsync(partitions, LogPosition.Beginning);
        Assert.All(first, static pair => Assert.Equal(0, pair.Value));
        await ReadAsync(state, partitions.Where(partition => ends[partition] > state.Next[partition.Partition]).ToList(), ends);
        if (!fromTheStart) _earlier.Enqueue(state);
    }

    /// <summary>Checks, once the producers are done, that everything they sent is there.</summary>
    public async Task RunToTheEndAsync(IReadOnlyList<long> sent)
    {
        await RunAsync(fromTheStart: true);
        Assert.Equal(sent.Sum(), ledger.Count);
        var partitions = Enumerable.Range(0, ledger.Partitions).Select(number => new TopicPartition(topic, number));
        var ends = await client.Admin.ListOffsetsAsync(partitions, LogPosition.End);
        Assert.Equal(sent.Sum(), ends.Values.Sum());
    }

    private async Task ReadAsync(State state, List<TopicPartition> left, IReadOnlyDictionary<TopicPartition, long> ends)
    {
        if (left.Count == 0) return;
        using var limit = new CancellationTokenSource(Limit);
        await using var consumer = client.CreateConsumer(new ConsumerOptions<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>
        {
            KeyDeserializer = Serializers.BorrowedBytes,
            ValueDeserializer = Serializers.BorrowedBytes,
        });
        consumer.Assign(left.Select(partition => KeyValuePair.Create(partition, LogPosition.At(state.Next[partition.Partition]))));
        await foreach (var record in consumer.ConsumeAsync(limit.Token))
        {
            var partition = record.TopicPartition;
            if (record.Offset >= ends[partition]) continue;
            Check(state, record);
            if (RecordsRead % RecordsBetweenDeadlines == 0) limit.CancelAfter(Limit);
            if (record.Offset + 1 < ends[partition]) continue;
            left.Remove(partition);
            if (left.Count == 0) break;
            consumer.Pause(partition);
        }
    }

    private void Check(State state, in ConsumerRecord<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>> record)
    {
        var partition = record.Partition;
        var place = $"{partition}@{record.Offset}";
        if (record.Offset != state.Next[partition]) Assert.Fail($"{place} was read where offset {state.Next[partition]} should be.");
        state.Next[partition] = record.Offset + 1;
        RecordsRead++;

        if (LedgerRecord.Parse(record.Key.Span, record.Value.Span) is not { } found)
        {
            Assert.Fail($"{place} holds bytes that nobody sent.");
            return;
        }

        if (ledger.At(partition, record.Offset) is { } acknowledged && acknowledged != found)
            Assert.Fail($"{place} holds {found}, but {acknowledged} was acknowledged there.");

        var expected = state.LastSequence[partition, found.Producer] + 1;
        while (new LedgerRecord(found.Producer, expected).PartitionOf(ledger.Partitions) != partition) expected++;
        if (found.Sequence != expected)
            Assert.Fail($"{place} holds {found}, but the producer's next record in that partition is {expected}: one is missing, twice there, or out of order.");
        state.LastSequence[partition, found.Producer] = expected;
    }

    /// <summary>How far a reading has come.</summary>
    private sealed class State
    {
        public State(int partitions, int producers)
        {
            Next = new long[partitions];
            LastSequence = new long[partitions, producers];
            for (var i = 0; i < partitions; i++)
            {
                for (var j = 0; j < producers; j++) LastSequence[i, j] = -1;
            }
        }

        private State(long[] next, long[,] lastSequence)
        {
            Next = next;
            LastSequence = lastSequence;
        }

        public long[] Next { get; }

        public long[,] LastSequence { get; }

        public State Copy() => new((long[])Next.Clone(), (long[,])LastSequence.Clone());
    }
}
