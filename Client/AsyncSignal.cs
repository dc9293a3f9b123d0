using System.Threading.Tasks.Sources;

namespace OrleansLog.Client;

/// <summary>
/// Wakes one waiter, at most once for all signals since it last woke; a signal without a waiter is kept. Allocates nothing per
/// wait. One waiter at a time.
/// </summary>
internal sealed class AsyncSignal : IValueTaskSource<bool>, IDisposable
{
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private ManualResetValueTaskSourceCore<bool> _source;
    private ITimer? _timer;
    private bool _signalled;
    private bool _waiting;

    public AsyncSignal(TimeProvider time) => _time = time;

    /// <summary>Wakes the waiter, or the next one; it goes on on another thread.</summary>
    public void Set() => Set(inline: false);

    /// <summary>Wakes the waiter, or the next one.</summary>
    /// <param name="inline">Whether it may go on within this call, which spares a change of threads. It does so only where the
    /// caller has no scheduler of its own: a grain's turn is the grain's.</param>
    public void Set(bool inline)
    {
        lock (_gate)
        {
            if (!_waiting)
            {
                _signalled = true;
                return;
            }

            _waiting = false;
        }

        _source.RunContinuationsAsynchronously =
            !inline || SynchronizationContext.Current is not null || TaskScheduler.Current != TaskScheduler.Default;
        _source.SetResult(true);
    }

    /// <summary>
    /// Waits for a signal (true) or until <paramref name="timeout"/> is over (false);
    /// <see cref="Timeout.InfiniteTimeSpan"/> for no end.
    /// </summary>
    public ValueTask<bool> WaitAsync(TimeSpan timeout)
    {
        lock (_gate)
        {
            if (_signalled || timeout == TimeSpan.Zero)
            {
                var signalled = _signalled;
                _signalled = false;
                return new ValueTask<bool>(signalled);
            }

            _source.Reset();
            _waiting = true;
            if (timeout != Timeout.InfiniteTimeSpan)
            {
                _timer ??= _time.CreateTimer(static signal => ((AsyncSignal)signal!).Expire(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                _timer.Change(timeout, Timeout.InfiniteTimeSpan);
            }

            return new ValueTask<bool>(this, _source.Version);
        }
    }

    // A timer of an earlier wait may wake a later one too soon; a waiter looks at its conditions again whenever it wakes.
    private void Expire()
    {
        lock (_gate)
        {
            if (!_waiting) return;
            _waiting = false;
        }

        _source.RunContinuationsAsynchronously = true;
        _source.SetResult(false);
    }

    bool IValueTaskSource<bool>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    public void Dispose() => _timer?.Dispose();
}
