using System.Runtime.CompilerServices;
using System.Text;
using System.Threading.Channels;
using OrleansLog.Cli.Consume;
using OrleansLog.Cli.Input;
using OrleansLog.Client;
using OrleansLog.Records;

namespace OrleansLog.Tests.Cli;

/// <summary>A consumer whose records and commits a test decides on.</summary>
internal sealed class FakeRecordSource : IRecordSource
{
    private readonly Channel<(int Partition, long Offset, string Value)> _records =
        Channel.CreateUnbounded<(int Partition, long Offset, string Value)>();

    private readonly Dictionary<int, long> _positions = [];

    /// <summary>What was committed, in order.</summary>
    public List<string> Commits { get; } = [];

    /// <summary>Why commits fail; null for that they do not.</summary>
    public OrleansLogException? CommitFailure { get; set; }

    /// <summary>Completes each time the pump waits for a record that is not there.</summary>
    public SemaphoreSlim Waiting { get; } = new(0);

    /// <summary>A record that the position counts, and that arrives only while the enumeration is being ended.</summary>
    public (int Partition, long Offset, string Value)? OnItsWay { get; set; }

    public void Add(int partition, long offset, string value) => _records.Writer.TryWrite((partition, offset, value));

    public void End() => _records.Writer.Complete();

    public void SetPosition(int partition, long offset) => _positions[partition] = offset;

    public async IAsyncEnumerable<ConsumerRecord<NullableBytes, NullableBytes>> ConsumeAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            while (_records.Reader.TryRead(out var record))
            {
                cancellationToken.ThrowIfCancellationRequested();
                yield return Record(record);
            }

            Waiting.Release();
            if (OnItsWay is { } late)
            {
                OnItsWay = null;
                var ending = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                await using (cancellationToken.Register(ending.SetResult)) await ending.Task;
                yield return Record(late);
            }

            if (!await _records.Reader.WaitToReadAsync(cancellationToken))
                yield break;
        }
    }

    public long? Position(TopicPartition partition) => _positions.TryGetValue(partition.Partition, out var offset) ? offset : null;

    public ValueTask CommitAsync(IReadOnlyList<KeyValuePair<TopicPartition, long>> offsets, CancellationToken cancellationToken)
    {
        if (CommitFailure is not null)
            throw CommitFailure;
        Commits.Add(string.Join(' ', offsets.Select(static pair => $"{pair.Key}@{pair.Value}").Order(StringComparer.Ordinal)));
        return default;
    }

    private static ConsumerRecord<NullableBytes, NullableBytes> Record((int Partition, long Offset, string Value) record) => new(
        "t", record.Partition, record.Offset, 0, default, NullableBytes.Of(Encoding.UTF8.GetBytes(record.Value)), []);
}
