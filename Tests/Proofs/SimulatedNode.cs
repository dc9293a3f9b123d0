using System.Buffers;
using System.Buffers.Binary;
using OrleansLog.Engine.Groups;
using OrleansLog.Engine.Groups.Log;
using OrleansLog.Engine.Replication;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;
using Xunit;
using Record = OrleansLog.Records.Record;

namespace OrleansLog.Tests.Proofs;

/// <summary>
/// What a silo does with its disk, without Orleans around it: partition leaders with many writers, and a group that reads and
/// commits what it has read. It keeps books of what was acknowledged, and checks them against the disk after each crash.
/// </summary>
internal sealed class SimulatedNode(FaultyFileSystem files)
{
    private const int DataPartitions = 4;
    private const int WritersPerPartition = 3;
    private const int NodeId = 1;
    private const int JournalBytes = 64 * 1024;
    private const string Group = "readers";
    private static readonly TopicPartition Offsets = new("__consumer_offsets", 0);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly Book[] _books = [.. Enumerable.Range(0, DataPartitions).Select(static _ => new Book())];
    private readonly LastWords _said = new();
    private int _epoch;
    private long _nextId;
    private long _commits;
    private long _jointRounds;

    public FaultyFileSystem Files => files;

    /// <summary>Fsyncs by which several logs became durable together.</summary>
    public long JointRounds => Interlocked.Read(ref _jointRounds);

    /// <summary>What happened to the files lately, what the logs have said, recoveries above all, and the files that there are.</summary>
    public string Report => string.Join(Environment.NewLine, [
        .. files.History,
        .. _said.Messages,
        .. files.HasCrashed ? [] : files.ListDirectories("/data").SelectMany(files.ListFiles).Order(StringComparer.Ordinal)
            .Select(path => $"{path}: {files.ReadAllBytes(path).Length} bytes")]);

    /// <summary>Records acknowledged so far.</summary>
    public long Acknowledged => _books.Sum(static book => (long)book.Acknowledged.Count);

    /// <summary>Offset commits acknowledged so far.</summary>
    public long Commits => Interlocked.Read(ref _commits);

    private static TopicPartition Data(int partition) => new("data", partition);

    /// <summary>Serves until the file system crashes; false when it does before it can.</summary>
    public async Task<bool> RunUntilCrashAsync(Random random)
    {
        LogManager? logs = null;
        try
        {
            logs = await OpenAsync();
            _epoch++;
            var offsets = await LeadAsync(logs, Offsets);
            var tasks = new List<Task>();
            for (var partition = 0; partition < DataPartitions; partition++)
            {
                var (leader, book) = (await LeadAsync(logs, Data(partition)), _books[partition]);
                for (var writer = 0; writer < WritersPerPartition; writer++)
                {
                    var seed = random.Next();
                    tasks.Add(Task.Run(() => WriteAsync(leader, book, new Random(seed))));
                }

                var number = partition;
                tasks.Add(Task.Run(() => ReadAndCommitAsync(leader, offsets, number, book)));
            }

            await Task.WhenAll(tasks).WaitAsync(Limit);
            return true;
        }
        catch (Exception e) when (IsTheCrash(e))
        {
            return false;
        }
        finally
        {
            if (logs is not null) await EndAsync(logs);
        }
    }

    /// <summary>Starts again, undisturbed, and compares what is there with the books.</summary>
    public async Task CheckAsync()
    {
        var logs = await OpenAsync();
        try
        {
            _epoch++;
            var ends = new long[DataPartitions];
            for (var partition = 0; partition < DataPartitions; partition++)
            {
                var leader = await LeadAsync(logs, Data(partition));
                await leader.Log.WhenFlushedAsync(leader.Log.LogEndOffset).AsTask().WaitAsync(Limit);
                ends[partition] = leader.Log.LogEndOffset;
                await CheckRecordsAsync(leader, Data(partition), _books[partition]);
            }

            await CheckCommitsAsync(await LeadAsync(logs, Offsets), ends);
        }
        finally
        {
            await logs.DisposeAsync();
        }
    }

    private Task<LogManager> OpenAsync()
    {
        files.BeforeFlush = path =>
        {
            if (path.Contains("commit-journal", StringComparison.Ordinal)) Interlocked.Increment(ref _jointRounds);
        };
        return LogManager.OpenAsync(
            // Short, so that recovery points are written while there is load; small, so that the journal's files take turns.
            new LogManagerOptions { DataDirectory = "/data", CheckpointInterval = TimeSpan.FromMilliseconds(50), CommitJournalBytes = JournalBytes },
            files,
            TimeProvider.System,
            _said,
            CancellationToken.None);
    }

    private async Task<PartitionLeader> LeadAsync(LogManager logs, TopicPartition partition)
    {
        // Small segments, so that power fails while one is being closed and the next begun, too.
        var config = LogConfig.Default with { SegmentBytes = 16 * 1024 };
        var log = await logs.OpenLogAsync(partition, Guid.Empty, config, CancellationToken.None);
        files.Note($"opened {partition}, which ends at {log.LogEndOffset}: {log.Recovery}");
        return new PartitionLeader(log, PartitionState.Single(NodeId, _epoch), NodeId, TimeProvider.System);
    }

    private async Task EndAsync(LogManager logs)
    {
        try
        {
            await logs.DisposeAsync();
        }
        catch (Exception e) when (IsTheCrash(e))
        {
            // The machine is off.
        }
    }

    private bool IsTheCrash(Exception failure) => files.HasCrashed
        && failure is IOException or OrleansLogException { Error: ErrorCode.KafkaStorageError or ErrorCode.NotLeaderOrFollower };

    private async Task WriteAsync(PartitionLeader leader, Book book, Random random)
    {
        using var builder = new RecordBatchBuilder(64 * 1024);
        while (!files.HasCrashed)
        {
            builder.Reset();
            var count = random.Next(1, 6);
            var first = Interlocked.Add(ref _nextId, count) - count;
            for (var i = 0; i < count; i++) Append(builder, first + i, random.Next(1, 300));
            try
            {
                var batch = builder.Build().ToArray();
                var outcome = await leader.AppendAsync(batch, -1, Limit);
                files.Note($"acknowledged {leader.Log.Partition}@{outcome.BaseOffsets[0]}, {count} records");
                for (var i = 0; i < count; i++) book.Acknowledge(outcome.BaseOffsets[0] + i, first + i);
            }
            catch (Exception e) when (IsTheCrash(e))
            {
                return;
            }
        }
    }

    private async Task ReadAndCommitAsync(PartitionLeader leader, PartitionLeader offsets, int partition, Book book)
    {
        var position = book.Committed;
        while (!files.HasCrashed)
        {
            try
            {
                var read = await leader.ReadAsync(position, 8 * 1024, 1, TimeSpan.FromMilliseconds(20));
                using (read.Records)
                {
                    if (read.Records.Length == 0) continue;
                    foreach (var (offset, id) in RecordsOf(read.Records.Memory).Where(record => record.Offset >= position).ToArray())
                    {
                        book.Read(offset, id);
                        position = offset + 1;
                    }
                }

                await offsets.AppendAsync(CommitBatch(partition, position), -1, Limit);
                book.Committed = position;
                Interlocked.Increment(ref _commits);
            }
            catch (Exception e) when (IsTheCrash(e))
            {
                return;
            }
        }
    }

    private static async Task CheckRecordsAsync(PartitionLeader leader, TopicPartition partition, Book book)
    {
        var found = new List<long>();
        while (found.Count < leader.Log.LogEndOffset)
        {
            var read = await leader.ReadAsync(found.Count, 1024 * 1024, 1, Limit);
            using (read.Records)
            {
                foreach (var (offset, id) in RecordsOf(read.Records.Memory).Where(record => record.Offset >= found.Count).ToArray())
                {
                    Assert.Equal(found.Count, offset);
                    found.Add(id);
                }
            }
        }

        Assert.Equal(0, leader.Log.LogStartOffset);
        Assert.Equal(found.Count, found.Distinct().Count());
        Assert.All(book.Acknowledged, pair => ExpectAt(found, partition, pair.Key, pair.Value, "acknowledged"));
        // Once readable, a record is readable for ever, whether its writer heard of it or not.
        Assert.All(book.Seen, pair => ExpectAt(found, partition, pair.Key, pair.Value, "read"));
        book.ThrowOnViolation();
    }

    private static void ExpectAt(List<long> found, TopicPartition partition, long offset, long id, string what)
    {
        Assert.True(offset < found.Count, $"{partition}@{offset} was {what}, but the log ends at {found.Count}.");
        Assert.True(found[(int)offset] == id, $"{partition}@{offset} was {what} as {id} and is {found[(int)offset]}.");
    }

    private async Task CheckCommitsAsync(PartitionLeader offsets, long[] ends)
    {
        var coordinator = new GroupCoordinator(Group, new GroupOptions(), TimeProvider.System);
        await offsets.Log.WhenFlushedAsync(offsets.Log.LogEndOffset).AsTask().WaitAsync(Limit);
        for (long position = 0; position < offsets.Log.LogEndOffset;)
        {
            var read = await offsets.ReadAsync(position, 1024 * 1024, 1, Limit);
            using (read.Records)
            {
                foreach (var record in Decode(read.Records.Memory))
                {
                    var status = GroupRecordReader.Read(record.Key.Span, record.Value.Span, record.HasValue, default, out var change);
                    Assert.Equal(GroupRecordStatus.Read, status);
                    coordinator.Replay(change!, record.TimestampMs);
                    position = record.Offset + 1;
                }
            }
        }

        coordinator.CompleteReplay();
        var committed = coordinator.FetchOffsets(null).ToDictionary();
        for (var partition = 0; partition < DataPartitions; partition++)
        {
            var found = committed.GetValueOrDefault(Data(partition))?.Offset ?? 0;
            var expected = _books[partition].Committed;
            Assert.True(found >= expected, $"The offset of {Data(partition)} was committed as {expected} and is {found}.");
            Assert.True(found <= ends[partition], $"The offset of {Data(partition)} is {found}, behind its end, {ends[partition]}.");
            _books[partition].Committed = found;
        }
    }

    private static void Append(RecordBatchBuilder builder, long id, int padding)
    {
        Span<byte> value = stackalloc byte[8 + 300];
        BinaryPrimitives.WriteInt64BigEndian(value, id);
        value[8..].Fill((byte)id);
        Assert.True(builder.TryAppend(0, [], false, value[..(8 + padding)], true));
    }

    private static byte[] CommitBatch(int partition, long offset)
    {
        var change = new OffsetRecord(Group, Data(partition).Topic, partition, new GroupOffset(offset, -1, "", 0));
        var (key, value) = (new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
        GroupRecordWriter.WriteKey(change, key);
        Assert.True(GroupRecordWriter.WriteValue(change, value));
        using var builder = new RecordBatchBuilder(64 * 1024);
        builder.TryAppend(0, key.WrittenSpan, true, value.WrittenSpan, true);
        return builder.Build().ToArray();
    }

    private static IEnumerable<(long Offset, long Id)> RecordsOf(ReadOnlyMemory<byte> batches) =>
        Decode(batches).Select(static record => (record.Offset, BinaryPrimitives.ReadInt64BigEndian(record.Value.Span)));

    private static IEnumerable<Record> Decode(ReadOnlyMemory<byte> batches)
    {
        while (RecordBatch.TryReadNext(ref batches, out var batch, out _))
        {
            using var reader = new RecordBatchReader(batch);
            while (reader.MoveNext()) yield return reader.Current;
        }
    }

    /// <summary>What is known of one partition. Its members are called from several threads.</summary>
    private sealed class Book
    {
        private readonly Lock _gate = new();
        private readonly List<string> _violations = [];

        public Dictionary<long, long> Acknowledged { get; } = [];

        public Dictionary<long, long> Seen { get; } = [];

        /// <summary>The greatest offset committed; written by one thread.</summary>
        public long Committed { get; set; }

        public void Acknowledge(long offset, long id) => Note(Acknowledged, offset, id);

        public void Read(long offset, long id) => Note(Seen, offset, id);

        public void ThrowOnViolation()
        {
            lock (_gate) Assert.True(_violations.Count == 0, string.Join('\n', _violations.Take(10)));
        }

        private void Note(Dictionary<long, long> notes, long offset, long id)
        {
            lock (_gate)
            {
                if (!notes.TryAdd(offset, id) && notes[offset] != id)
                    _violations.Add($"Offset {offset} was {notes[offset]}, and then {id}.");
            }
        }
    }
}
