using OrleansLog.Engine.Storage;

namespace OrleansLog.Grains.Partitions;

/// <summary>The use of an open log until it is disposed of; doing that twice is harmless.</summary>
internal sealed class LogLease(PartitionLog log, Func<Task> release) : IAsyncDisposable
{
    private Func<Task>? _release = release;

    /// <summary>The log.</summary>
    public PartitionLog Log => log;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _release, null) is { } once) await once();
    }
}
