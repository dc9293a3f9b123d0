namespace OrleansLog.Engine.Replication;

/// <summary>
/// Cancellation tokens for requests with a timeout that nearly always end long before it. Requests that start within a
/// quarter of a second and have the same timeout share one token and its timer, so a request costs neither; when none
/// starts, the last timers fire and nothing is left. A token fires up to that quarter late. Thread-safe.
/// </summary>
internal sealed class DeadlineTokens(TimeProvider time)
{
    private const int DistinctTimeouts = 4;
    private static readonly TimeSpan s_slack = TimeSpan.FromMilliseconds(250);

    private readonly Lock _gate = new();
    private readonly Slot[] _slots = new Slot[DistinctTimeouts];
    private readonly HashSet<CancellationTokenSource> _live = [];
    private int _next;
    private bool _closed;

    /// <summary>A token that is cancelled once <paramref name="timeout"/> is over, or with <see cref="CancelAll"/>.</summary>
    public CancellationToken After(TimeSpan timeout)
    {
        var now = time.GetTimestamp();
        lock (_gate)
        {
            if (_closed) return new CancellationToken(canceled: true);
            foreach (ref readonly var slot in _slots.AsSpan())
            {
                if (slot.Source is not null && slot.Timeout == timeout && time.GetElapsedTime(slot.Start, now) < s_slack)
                    return slot.Source.Token;
            }

            var source = new CancellationTokenSource(timeout + s_slack, time);
            _live.Add(source);
            source.Token.UnsafeRegister(static (state, _) => ((Forget)state!).Run(), new Forget(this, source));
            _slots[_next++ % DistinctTimeouts] = new Slot(timeout, now, source);
            return source.Token;
        }
    }

    /// <summary>Cancels all tokens, those given out and those to come.</summary>
    public void CancelAll()
    {
        CancellationTokenSource[] live;
        lock (_gate)
        {
            _closed = true;
            live = [.. _live];
            Array.Clear(_slots);
        }

        foreach (var source in live)
        {
            source.Cancel();
            // Cancelled tokens stay usable; this stops the timer.
            source.Dispose();
        }
    }

    private readonly record struct Slot(TimeSpan Timeout, long Start, CancellationTokenSource? Source);

    private sealed record Forget(DeadlineTokens Owner, CancellationTokenSource Source)
    {
        public void Run()
        {
            lock (Owner._gate) Owner._live.Remove(Source);
        }
    }
}
