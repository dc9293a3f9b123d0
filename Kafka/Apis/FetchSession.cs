using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// Carries one fetch out. The partitions are read one after the other until the bytes asked for are there; if not enough are, they are
/// watched until one of them has its share of what is missing: if all together have it, one of them has. Records are in memory, and
/// room for them in the budget of all connections is held, while it reads, and not while it waits.
/// </summary>
internal sealed class FetchSession(RequestContext context, List<FetchPart> parts, FetchLimits limits) : IDisposable
{
    /// <summary>What an answer is taken to need before it is known.</summary>
    private const int EstimatedBytes = 1024 * 1024;

    private readonly long _started = context.Services.Time.GetTimestamp();

    private int LeftMs => (int)Math.Max(0, limits.MaxWaitMs - context.Services.Time.GetElapsedTime(_started).TotalMilliseconds);

    /// <summary>Fills the parts in, and charges the response for them.</summary>
    public async Task RunAsync()
    {
        for (var isOver = parts.Count == 0; ; )
        {
            var bytes = await ReadAllAsync().ConfigureAwait(false);
            if (isOver || LeftMs == 0 || bytes >= Math.Min(limits.MinBytes, limits.MaxBytes)
                || parts.Any(static part => part.Error != ErrorCode.None)) return;
            foreach (var part in parts) part.TakeRecords().Dispose();
            context.Response.Discharge();
            isOver = !await WaitAsync(bytes).ConfigureAwait(false);
        }
    }

    /// <summary>Lets go of records that were read and not sent.</summary>
    public void Dispose()
    {
        foreach (var part in parts) part.TakeRecords().Dispose();
    }

    private int Limit(int bytes) => Math.Max(1, limits.MaxBytes - bytes);

    private async Task<int> ReadAllAsync()
    {
        // The answer may need memory that nobody has let go of yet.
        var estimate = Math.Min(Math.Max(0, limits.MaxBytes), EstimatedBytes);
        await context.Services.Budget.EnterAsync(estimate, context.Aborted).ConfigureAwait(false);
        context.Response.Charge(context.Services.Budget, estimate);
        var bytes = 0;
        foreach (var part in parts)
        {
            if (part.Error != ErrorCode.None) continue;
            part.Mark = context.Cluster.FindLocal(part.Partition)?.CommittedBytes ?? 0;
            part.Take(await ReadAsync(part, Limit(bytes), 0, 0, mayBeEmpty: bytes > 0, context.Aborted).ConfigureAwait(false));
            bytes += part.Bytes;
        }

        return bytes;
    }

    /// <summary>Waits until a partition has its share of the bytes that are missing; false when the time is over.</summary>
    private async Task<bool> WaitAsync(int bytes)
    {
        var share = Math.Max(1, (limits.MinBytes - bytes + parts.Count - 1) / parts.Count);
        if (parts.Count == 1) return await WatchAsync(parts[0], share, context.Aborted).ConfigureAwait(false);
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
        var had = part.LastBytes;
        if (had >= part.MaxBytes) return false;
        try
        {
            if (context.Cluster.FindLocal(part.Partition) is { } local)
                return await local.WhenCommittedAsync(part.Mark + share, TimeSpan.FromMilliseconds(LeftMs), cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!context.Aborted.IsCancellationRequested)
        {
            return false;
        }

        var answer = await ReadAsync(part, part.MaxBytes, had + share, LeftMs, mayBeEmpty: false, cancellationToken).ConfigureAwait(false);
        if (cancellationToken.IsCancellationRequested && answer.Error == ErrorCode.RequestTimedOut) return false;
        var came = answer.Error != ErrorCode.None || answer.Value!.Records.Length > had;
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
