using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Microsoft.Extensions.Logging;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>What a producer knows of a topic it writes to: how many partitions there are, and a sender for each in use.</summary>
internal sealed class TopicProducer
{
    private const string MaxMessageBytesConfig = "max.message.bytes";

    private readonly ProducerCore _core;
    private readonly Lock _gate = new();
    private PartitionSender?[] _senders = [];
    private Task? _refresh;
    private long _refreshedAt;
    private int _partitionCount;
    private int _sticky = Random.Shared.Next(int.MaxValue);
    private int _stickyBytesLeft;

    public TopicProducer(ProducerCore core, string name)
    {
        _core = core;
        Name = name;
        _stickyBytesLeft = core.Settings.BatchSize;
    }

    public string Name { get; }

    /// <summary>How many partitions there are; 0 while that is not known.</summary>
    public int PartitionCount => Volatile.Read(ref _partitionCount);

    /// <summary>The topic's bound on a batch.</summary>
    public int MaxMessageBytes { get; private set; } = int.MaxValue;

    /// <summary>The partition that records without a key go to at present.</summary>
    public int StickyPartition(int partitionCount, int recordBytes)
    {
        // Several threads may pass here at once; then a partition gets a little more or less than a batch.
        if ((_stickyBytesLeft -= recordBytes) <= 0)
        {
            _stickyBytesLeft = _core.Settings.BatchSize;
            _sticky++;
        }

        var sticky = _sticky;
        if ((uint)sticky < (uint)partitionCount) return sticky;
        return _sticky = sticky == partitionCount ? 0 : Random.Shared.Next(partitionCount);
    }

    public bool TryGetSender(int partition, [NotNullWhen(true)] out PartitionSender? sender)
    {
        var senders = Volatile.Read(ref _senders);
        sender = (uint)partition < (uint)senders.Length ? senders[partition] : null;
        return sender is not null;
    }

    /// <exception cref="OrleansLogException">UnknownTopicOrPartition.</exception>
    public PartitionSender GetSender(int partition)
    {
        if (TryGetSender(partition, out var sender)) return sender;
        lock (_gate)
        {
            _core.ThrowIfDisposed();
            if ((uint)partition >= (uint)_partitionCount)
                throw new OrleansLogException(ErrorCode.UnknownTopicOrPartition, string.Create(
                    CultureInfo.InvariantCulture,
                    $"Topic '{Name}' has {_partitionCount} partitions; there is no partition {partition}."));
            if (partition >= _senders.Length)
            {
                var longer = new PartitionSender?[_partitionCount];
                _senders.CopyTo(longer, 0);
                Volatile.Write(ref _senders, longer);
            }

            return _senders[partition] ??= new PartitionSender(_core, this, partition);
        }
    }

    public IReadOnlyList<PartitionSender> Senders => [.. Volatile.Read(ref _senders).OfType<PartitionSender>()];

    /// <summary>Asks the topic anew when what is known is old; nobody waits for it.</summary>
    public void RefreshIfOld()
    {
        if (_core.Context.Time.GetElapsedTime(Volatile.Read(ref _refreshedAt)) > _core.Settings.MetadataMaxAge) Refresh();
    }

    /// <summary>Asks the topic anew; nobody waits for it.</summary>
    public void Refresh()
    {
        lock (_gate)
        {
            if (_refresh is null or { IsCompleted: true }) _refresh = BackgroundTask.Run(RefreshAsync);
        }
    }

    /// <summary>Ends when no refresh is under way any more.</summary>
    public Task WhenIdleAsync()
    {
        lock (_gate) return _refresh ?? Task.CompletedTask;
    }

    /// <summary>Asks the topic now.</summary>
    /// <exception cref="OrleansLogException">UnknownTopicOrPartition; RequestTimedOut.</exception>
    public async Task LoadAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        var topic = await CallRetry.RunAsync(
            _core.Context,
            timeout,
            $"The description of topic '{Name}'",
            () => _core.Context.Grains.GetTopic(Name).Describe(),
            cancellationToken).ConfigureAwait(false);
        lock (_gate)
        {
            Volatile.Write(ref _refreshedAt, _core.Context.Time.GetTimestamp());
            MaxMessageBytes = topic.Configs.TryGetValue(MaxMessageBytesConfig, out var text)
                && int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var bytes) ? bytes : int.MaxValue;
            foreach (var sender in _senders)
            {
                if (sender is not null) sender.Queue.MaxMessageBytes = MaxMessageBytes;
            }

            Volatile.Write(ref _partitionCount, topic.Partitions.Count);
        }
    }

    /// <summary>Whether the topic does not exist, or has no such partition.</summary>
    public async Task<bool> IsGoneAsync(int partition)
    {
        try
        {
            await LoadAsync(_core.Settings.RequestTimeout, CancellationToken.None).ConfigureAwait(false);
            return partition >= PartitionCount;
        }
        catch (OrleansLogException exception) when (exception.Error == ErrorCode.UnknownTopicOrPartition)
        {
            Volatile.Write(ref _partitionCount, 0);
            return true;
        }
        catch (Exception exception)
        {
            if (_core.Log.IsEnabled(LogLevel.Debug)) _core.Log.LogDebug(exception, "Topic {Topic} could not be described", Name);
            return false;
        }
    }

    private async Task RefreshAsync()
    {
        Volatile.Write(ref _refreshedAt, _core.Context.Time.GetTimestamp());
        await IsGoneAsync(0).ConfigureAwait(false);
    }
}
