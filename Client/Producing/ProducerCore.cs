using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Client;

/// <summary>All of a producer that does not depend on its types of keys and values.</summary>
internal sealed class ProducerCore(ClientContext context, ProducerSettings settings) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, TopicProducer> _topics = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private Task<long>? _producerId;
    private Task? _disposal;

    public ClientContext Context => context;

    public ProducerSettings Settings => settings;

    public BufferMemory Memory { get; } = new(settings.BufferMemory, context.Time);

    public RecordBatchBuilders Builders { get; } = new(settings);

    public ILogger Log { get; } = context.Loggers.CreateLogger("OrleansLog.Client.Producer");

    public void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposal) is not null, typeof(Producer<,>));

    /// <summary>The topic, if its number of partitions is known.</summary>
    public TopicProducer? FindTopic(string name) =>
        _topics.TryGetValue(name, out var topic) && topic.PartitionCount > 0 ? topic : null;

    /// <summary>The topic; asks the cluster for it when it is not known yet.</summary>
    /// <exception cref="Records.OrleansLogException">UnknownTopicOrPartition; RequestTimedOut.</exception>
    public async Task<TopicProducer> GetTopicAsync(string name, bool refresh, CancellationToken cancellationToken)
    {
        ThrowIfDisposed();
        if (!refresh && FindTopic(name) is { } known) return known;
        if (!_topics.TryGetValue(name, out var topic)) topic = new TopicProducer(this, name);
        await topic.LoadAsync(settings.MaxBlock, cancellationToken).ConfigureAwait(false);
        return _topics.GetOrAdd(name, topic); // only topics that exist are kept, which bounds the number
    }

    /// <summary>The producer id that all partitions share.</summary>
    public Task<long> GetProducerIdAsync()
    {
        lock (_gate)
        {
            if (_producerId is null or { IsFaulted: true } or { IsCanceled: true }) _producerId = AllocateAsync();
            return _producerId;
        }

        async Task<long> AllocateAsync()
        {
            await Task.Yield();
            var block = await CallRetry.RunAsync(
                context,
                settings.RequestTimeout,
                "A producer id",
                () => context.Grains.GetCatalog().AllocateProducerIds(1),
                CancellationToken.None).ConfigureAwait(false);
            return block.FirstId;
        }
    }

    /// <summary>Has the next one who asks get another id than <paramref name="producerId"/>, whose epochs are used up.</summary>
    public void ForgetProducerId(long producerId)
    {
        lock (_gate)
        {
            if (_producerId is { IsCompletedSuccessfully: true } && _producerId.Result == producerId) _producerId = null;
        }
    }

    /// <summary>Sends open batches although their linger time is not over.</summary>
    public void SealOpenBatches()
    {
        foreach (var sender in AllSenders()) sender.Queue.Seal();
    }

    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        var pending = new List<Task>();
        foreach (var sender in AllSenders()) sender.Queue.Flush(pending);
        await Task.WhenAll(pending).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_disposal is null) Volatile.Write(ref _disposal, DisposeCoreAsync());
            return new ValueTask(_disposal);
        }
    }

    private async Task DisposeCoreAsync()
    {
        await Task.Yield();
        foreach (var sender in AllSenders()) sender.Queue.Close();
        foreach (var sender in AllSenders()) await sender.Completion.ConfigureAwait(false);
        foreach (var topic in _topics.Values) await topic.WhenIdleAsync().ConfigureAwait(false);
        Builders.Dispose();
    }

    private IEnumerable<PartitionSender> AllSenders() => _topics.Values.SelectMany(static topic => topic.Senders);
}
