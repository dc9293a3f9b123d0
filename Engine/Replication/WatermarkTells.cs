namespace OrleansLog.Engine.Replication;

/// <summary>
/// Has followers told of a high watermark that rose after the last records they were sent. One timer for all leaders that share it, which
/// runs only while somebody is to be told; a follower that is being sent records hears of it with those. Thread-safe.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="delay">How long nothing has been sent to a follower when it is told; see <see cref="ReplicationOptions.HighWatermarkDelay"/>.</param>
public sealed class WatermarkTells(TimeProvider time, TimeSpan delay) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<FollowerPush> _waiting = [];
    private ITimer? _timer;
    private bool _isArmed;
    private bool _isDisposed;

    /// <summary>Tells nobody any more.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _waiting.Clear();
            _timer?.Dispose();
        }
    }

    internal void Add(FollowerPush push)
    {
        lock (_gate)
        {
            if (_isDisposed) return;
            _waiting.Add(push);
            if (!_isArmed) Arm();
        }
    }

    private void Look()
    {
        FollowerPush[] due;
        lock (_gate)
        {
            due = [.. _waiting];
            _waiting.Clear();
        }

        var early = Array.FindAll(due, push => !push.TellWhenQuiet(delay));
        lock (_gate)
        {
            _isArmed = false;
            if (_isDisposed) return;
            _waiting.AddRange(early);
            if (_waiting.Count > 0) Arm();
        }
    }

    private void Arm()
    {
        _isArmed = true;
        if (_timer is null)
        {
            // What the first of those who come carries along is not everybody's.
            using (ExecutionContext.IsFlowSuppressed() ? default(AsyncFlowControl?) : ExecutionContext.SuppressFlow())
                _timer = time.CreateTimer(_ => Look(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        _timer.Change(delay, Timeout.InfiniteTimeSpan);
    }
}
