using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Input;
using OrleansLog.Cli.Rendering;
using OrleansLog.Client;
using OrleansLog.Records;

namespace OrleansLog.Cli.Consume;

/// <summary>A consumer, alone or in a group, with its pump. Disposing of it leaves the group.</summary>
internal sealed class ConsumeSession(
    OrleansLogClient client, ConsumeSettings settings, CliHost host, RecordOutput output, RecordFormatter formatter) : IAsyncDisposable
{
    private readonly WrittenOffsets _offsets = new();
    private Consumer<NullableBytes, NullableBytes>? _consumer;
    private OffsetCommitter? _committer;
    private RecordPump? _pump;
    private long? _total;

    /// <summary>Reads all partitions of topics, or one, from a position; new partitions are not noticed.</summary>
    public async Task AssignAsync(IReadOnlyList<string> topics, ConsumeStart start, CancellationToken cancellationToken)
    {
        var partitions = new List<TopicPartition>();
        foreach (var topic in topics)
        {
            var count = (await client.Admin.DescribeTopicAsync(topic, cancellationToken).ConfigureAwait(false)).Partitions.Count;
            partitions.AddRange(start.Partition is { } only
                ? [new TopicPartition(topic, only)]
                : Enumerable.Range(0, count).Select(partition => new TopicPartition(topic, partition)));
        }

        var options = NewOptions();
        options.EnableAutoCommit = false;
        if (start.IsOffset)
            options.AutoOffsetReset = AutoOffsetReset.None;
        _consumer = client.CreateConsumer(options);
        Start(commits: false);
        if (settings.UntilEnd)
            await LimitAsync(partitions, start, cancellationToken).ConfigureAwait(false);
        _consumer.Assign(partitions.Select(partition => KeyValuePair.Create(partition, start.Position)));
    }

    /// <summary>Joins a group.</summary>
    public void Subscribe(IReadOnlyList<string> topics, string group, string? instance, string? assignor, ConsumeStart start)
    {
        var options = NewOptions();
        options.GroupId = group;
        options.GroupInstanceId = instance;
        options.Assignor = assignor;
        options.EnableAutoCommit = false; // what is not written out must not be committed, and only the pump knows
        options.AutoOffsetReset = start.Position == LogPosition.Beginning ? AutoOffsetReset.Earliest : AutoOffsetReset.Latest;
        options.PartitionsAssigned = OnAssignedAsync;
        options.PartitionsRevoked = (_, partitions, cancellationToken) => _committer!.GiveUpAsync(partitions, cancellationToken);
        options.PartitionsLost = (_, partitions, cancellationToken) => _committer!.ForgetAsync(partitions, cancellationToken);
        _consumer = client.CreateConsumer(options);
        Start(commits: true);
        _consumer.Subscribe(topics);
    }

    /// <summary>Reads until the end that the settings name.</summary>
    public Task<ConsumeResult> RunAsync(CancellationToken interrupted) => _pump!.RunAsync(interrupted);

    /// <summary>How far it has come.</summary>
    public ProgressState Progress()
    {
        var records = _pump?.Records ?? 0;
        return new ProgressState(records, output.BytesWritten, records, _total);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_consumer is not null)
            await _consumer.DisposeAsync().ConfigureAwait(false);
        _committer?.Dispose();
    }

    private ConsumerOptions<NullableBytes, NullableBytes> NewOptions() => new()
    {
        KeyDeserializer = NullableBytesSerializer.Instance,
        ValueDeserializer = NullableBytesSerializer.Instance,
        StopAtEnd = settings.UntilEnd,
    };

    private void Start(bool commits)
    {
        var source = new ConsumerSource(_consumer!);
        _committer = new OffsetCommitter(source, output, _offsets, commits, settings.CommitInterval, host.Time);
        _pump = new RecordPump(source, formatter, output, _offsets, _committer, settings, host.Time);
    }

    private async Task LimitAsync(IReadOnlyList<TopicPartition> partitions, ConsumeStart start, CancellationToken cancellationToken)
    {
        var starts = await client.Admin.ListOffsetsAsync(partitions, start.Position, cancellationToken).ConfigureAwait(false);
        var ends = await client.Admin.ListOffsetsAsync(partitions, LogPosition.End, cancellationToken).ConfigureAwait(false);
        _total = partitions.Sum(partition => starts[partition] < 0 ? 0 : Math.Max(0, ends[partition] - starts[partition]));
        await _committer!.SetTargetsAsync(ends, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask OnAssignedAsync(
        Consumer<NullableBytes, NullableBytes> consumer, IReadOnlyList<TopicPartition> partitions, CancellationToken cancellationToken)
    {
        if (!settings.UntilEnd || partitions.Count == 0)
            return;
        var ends = await client.Admin.ListOffsetsAsync(partitions, LogPosition.End, cancellationToken).ConfigureAwait(false);
        await _committer!.SetTargetsAsync(ends, cancellationToken).ConfigureAwait(false);
    }
}
