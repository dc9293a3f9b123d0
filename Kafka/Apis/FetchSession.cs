using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// Carries one fetch out. A single partition is read and waited for by one call. Several are read one after the other until the
/// bytes asked for are there; if not enough are, each is waited for by a call of its own until one of them has its share of what is
/// missing: if all together have it, one of them has.
/// </summary>
internal sealed class FetchSession(RequestContext context, List<FetchPart> parts, FetchLimits limits) : IDisposable
{
    /// <summary>What an answer is taken to need before it is known.</summary>
    public const int EstimatedBytes = 1024 * 1024;

    private readonly long _started = context.Services.Time.GetTimestamp();

    private int LeftMs => (int)Math.Max(0, limits.MaxWaitMs - context.Services.Time.GetElapsedTime(_started).TotalMilliseconds);

    /// <summary>Fills the parts in.</summary>
    public async Task RunAsync()
    {
        if (parts.Count == 1)
        {
            var part = parts[0];
            if (part.Error == ErrorCode.None)
                part.Take(await ReadAsync(part, Limit(0), limits.MinBytes, limits.MaxWaitMs, mayBeEmpty: false, context.Aborted).ConfigureAwait(false));
            return;
        }

        while (true)
        {
            var bytes = 0;
            foreach (var part in parts)
            {
                if (part.Error != ErrorCode.None) continue;
                part.Take(await ReadAsync(part, Limit(bytes), 0, 0, mayBeEmpty: bytes > 0, context.Aborted).ConfigureAwait(false));
                bytes += part.Bytes;
            }

            if (bytes >= Math.Min(limits.MinBytes, limits.MaxBytes) || parts.Any(static part => part.Error != ErrorCode.None)) return;
            if (LeftMs == 0 || parts.Count == 0 || !await WaitAsync(bytes).ConfigureAwait(false)) return;
        }
    }

    /// <summary>Lets go of records that were read and not sent.</summary>
    public void Dispose()
    {
        foreach (var part in parts) part.TakeRecords().Dispose();
    }

    private int Limit(int bytes) => Math.Max(1, limits.MaxBytes - bytes);

    /// <summary>Waits until a partition has its share of the bytes that are missing; false when the time is over.</summary>
    private async Task<bool> WaitAsync(int bytes)
    {
        var share = Math.Max(1, (limits.MinBytes - bytes + parts.Count - 1) / parts.Count);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.Aborted);
        var calls = parts.ConvertAll(part => WatchAsync(part, share, ending.Token));
        var waiting = new List<Task<bool>>(calls);
        var came = false;
        while (!came && waiting.Count > 0)
        {
            var first = await Task.WhenAny(waiting).ConfigureAwait(false);
            waiting.Remove(first);
            came = await first.ConfigureAwait(false);
        }

        await ending.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(calls).ConfigureAwait(false);
        context.Aborted.ThrowIfCancellationRequested();
        return came;
    }

    /// <summary>Whether a partition has more than it had, or something to say.</summary>
    private async Task<bool> WatchAsync(FetchPart part, int share, CancellationToken cancellationToken)
    {
        var before = part.Bytes;
        if (before >= part.MaxBytes) return false;
        var answer = await ReadAsync(part, part.MaxBytes, before + share, LeftMs, mayBeEmpty: false, cancellationToken).ConfigureAwait(false);
        if (cancellationToken.IsCancellationRequested && answer.Error == ErrorCode.RequestTimedOut) return false;
        var came = answer.Error != ErrorCode.None || answer.Value!.Records.Length > before;
        answer.Value?.Records.Dispose();
        return came;
    }

    private async Task<Answer<FetchResponse>> ReadAsync(
        FetchPart part, int limit, int minBytes, int maxWaitMs, bool mayBeEmpty, CancellationToken cancellationToken)
    {
        try
        {
            var request = part.Ask(limit, minBytes, maxWaitMs, mayBeEmpty);
            if (context.Cluster.FindLocal(part.Partition) is { } local)
                return new Answer<FetchResponse>(ErrorCode.None, null, await local.FetchAsync(request, cancellationToken).ConfigureAwait(false));
            return await PartitionCalls.CallAsync(
                context, part.Partition, leader => leader.Fetch(request, cancellationToken)).ConfigureAwait(false);
        }
        catch (OrleansLogException e)
        {
            var (error, message) = PartitionCalls.Explain(e)!.Value;
            return new Answer<FetchResponse>(error, message, null);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested && !context.Aborted.IsCancellationRequested)
        {
            return new Answer<FetchResponse>(ErrorCode.RequestTimedOut, null, null);
        }
    }
}
