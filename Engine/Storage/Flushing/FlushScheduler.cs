namespace OrleansLog.Engine.Storage;

/// <summary>
/// The few threads that call fsync, so that no caller's thread does: a log that has something to make durable queues itself,
/// once, and one round serves all who wait for it. Threads start with the first need for them. A log whose flush is bound by
/// time (<c>flush.ms</c>) waits on the one timer there is, which runs only while some log waits.
/// </summary>
internal sealed class FlushScheduler : IFlushScheduler, IDisposable
{
    private readonly Queue<IFlushable> _queue = new();
    private readonly PriorityQueue<IFlushable, long> _timed = new();
    private readonly object _gate = new();
    private readonly TimeProvider _time;
    private readonly int _maxThreads;
    private readonly List<Thread> _threads = [];
    private ITimer? _timer;
    private long _timerDue = long.MaxValue;
    private int _idle;
    private bool _stopped;

    public FlushScheduler(int maxThreads, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxThreads, 1);
        _maxThreads = maxThreads;
        _time = time;
    }

    /// <summary>Queues a round; whoever calls sees to it that nothing is queued twice.</summary>
    public void Enqueue(IFlushable log)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_stopped, this);
            _queue.Enqueue(log);
            if (_idle >= _queue.Count)
            {
                Monitor.Pulse(_gate);
                return;
            }

            if (_threads.Count < _maxThreads)
            {
                var thread = new Thread(Run) { IsBackground = true, Name = $"log flush {_threads.Count + 1}" };
                _threads.Add(thread);
                thread.Start();
            }
            else
            {
                Monitor.Pulse(_gate);
            }
        }
    }

    /// <summary>Calls <see cref="IFlushable.RunFlush"/> by way of the queue when the delay (milliseconds) is over.</summary>
    public void EnqueueAfter(IFlushable log, long delayMs)
    {
        lock (_gate)
        {
            if (_stopped) return;
            var due = NowMs() + delayMs;
            _timed.Enqueue(log, due);
            if (due < _timerDue) Arm(due);
        }
    }

    /// <summary>Lets the threads finish what is queued, and ends them.</summary>
    public void Dispose()
    {
        List<Thread> threads;
        lock (_gate)
        {
            if (_stopped) return;
            _stopped = true;
            _timer?.Dispose();
            _timed.Clear();
            threads = [.. _threads];
            Monitor.PulseAll(_gate);
        }

        // One of them may be the caller's: a waiter that went on there.
        foreach (var thread in threads)
            if (thread != Thread.CurrentThread) thread.Join();
    }

    private void Run()
    {
        while (Take() is { } log) log.RunFlush();
    }

    private IFlushable? Take()
    {
        lock (_gate)
        {
            while (_queue.Count == 0)
            {
                if (_stopped) return null;
                _idle++;
                Monitor.Wait(_gate);
                _idle--;
            }

            return _queue.Dequeue();
        }
    }

    private void OnTimer()
    {
        lock (_gate)
        {
            if (_stopped) return;
            _timerDue = long.MaxValue;
            while (_timed.TryPeek(out var log, out var due))
            {
                if (due > NowMs())
                {
                    Arm(due);
                    return;
                }

                _timed.Dequeue();
                Enqueue(log);
            }
        }
    }

    private void Arm(long due)
    {
        _timerDue = due;
        var delay = TimeSpan.FromMilliseconds(Math.Clamp(due - NowMs(), 1, int.MaxValue));
        _timer ??= _time.CreateTimer(_ => OnTimer(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(delay, Timeout.InfiniteTimeSpan);
    }

    private long NowMs() => _time.GetUtcNow().ToUnixTimeMilliseconds();
}
