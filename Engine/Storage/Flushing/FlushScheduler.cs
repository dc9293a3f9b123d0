using System.Diagnostics;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// The few threads that call fsync, so that no caller's thread does: a log that has something to make durable queues itself,
/// once, and one round serves all who wait for it. Logs with little to flush are flushed together, by one thread at a time: whoever comes
/// meanwhile is served by its next round, and wakes nobody. Threads start with the first need for them. A log whose flush is bound by
/// time (<c>flush.ms</c>) waits on the one timer there is, which runs only while some log waits.
/// </summary>
internal sealed class FlushScheduler : IFlushScheduler, IDisposable
{
    private readonly Queue<IFlushable> _queue = new();
    private readonly PriorityQueue<IFlushable, long> _timed = new();
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly int _maxThreads;
    private readonly List<Worker> _workers = [];
    private readonly Stack<Worker> _resting = new();
    private readonly RoundGathering _gathering = new();
    private readonly Func<int> _countWaiting;
    private JointFlush? _joint;
    private List<FlushGate> _joining = [];
    private List<FlushGate> _joined = [];
    private bool _isJoining;
    private long _roundBeganAt;
    private int _served;
    private ITimer? _timer;
    private long _timerDue = long.MaxValue;
    private bool _stopped;

    public FlushScheduler(int maxThreads, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxThreads, 1);
        _maxThreads = maxThreads;
        _time = time;
        _countWaiting = CountWaiting;
    }

    /// <summary>Has logs that are queued at the same time flushed together. Before anything is queued.</summary>
    public void UseJournal(CommitJournal journal, JournalSettling settling, Action<Action>? completesTogether) =>
        _joint = new JointFlush(journal, settling, OnDurable, completesTogether);

    /// <summary>Queues a round, unless the threads have been told to end; whoever calls sees to it that nothing is queued twice.</summary>
    public void Enqueue(IFlushable log)
    {
        var joins = _joint is { } joint && log is FlushGate gate && joint.Takes(gate);
        var isCrowded = false;
        Worker? woken;
        lock (_gate)
        {
            // All logs are closed then, and who waited for them was told.
            if (_stopped) return;
            if (joins)
            {
                _joining.Add((FlushGate)log);
                woken = _isJoining ? null : FindWorker(joins);
            }
            else
            {
                isCrowded = _queue.Count > 0;
                _queue.Enqueue(log);
                woken = FindWorker(joins);
            }
        }

        if (joins) _gathering.Note();

        woken?.Rest.Wake();
        if (isCrowded) _joint?.NoteCrowd();
    }

    /// <inheritdoc/>
    public void NoteWaiter() => _gathering.Note();

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
        List<Worker> workers;
        lock (_gate)
        {
            if (_stopped) return;
            _stopped = true;
            _timer?.Dispose();
            _timed.Clear();
            workers = [.. _workers];
        }

        foreach (var worker in workers) worker.Rest.Wake();
        // One of them may be the caller's: a waiter that went on there.
        foreach (var worker in workers)
            if (worker.Thread != Thread.CurrentThread) worker.Thread!.Join();
    }

    // Under the lock. One who rests, to be woken; null when a thread was started, or none is free and one of them will look by itself.
    private Worker? FindWorker(bool joins)
    {
        if (!_resting.TryPop(out var worker))
        {
            if (_workers.Count == _maxThreads) return null;
            worker = new Worker { Joins = joins };
            _isJoining |= joins;
            _workers.Add(worker);
            worker.Thread = new Thread(() => Run(worker)) { IsBackground = true, Name = $"log flush {_workers.Count}" };
            worker.Thread.Start();
            return null;
        }

        // From here on it is taken for the one that flushes several logs: nobody else need be woken for that.
        worker.Joins = joins;
        _isJoining |= joins;
        return worker;
    }

    private void Run(Worker worker)
    {
        var (hasJoined, mustRest) = (false, false);
        while (true)
        {
            IFlushable? log = null;
            var joined = false;
            lock (_gate)
            {
                if (hasJoined) _isJoining = false;
                // Where there is no thread for it, neither kind keeps the other from its turn.
                var isOthersTurn = hasJoined && _queue.Count > 0 && _resting.Count == 0;
                if (worker.Joins || (!_isJoining && _joining.Count > 0 && !isOthersTurn))
                {
                    joined = _isJoining = true;
                }
                else if (!_queue.TryDequeue(out log))
                {
                    if (_stopped) return;
                    mustRest = true;
                    _resting.Push(worker);
                }

                worker.Joins = false;
            }

            hasJoined = joined;
            if (mustRest) worker.Rest.Wait();
            else if (joined) RunJoint();
            else log!.RunFlush();
            mustRest = false;
        }
    }

    private void RunJoint()
    {
        if (HasHands()) _gathering.Wait(_countWaiting);
        lock (_gate) (_joined, _joining) = (_joining, _joined);
        if (_joined.Count == 0) return;
        _roundBeganAt = Stopwatch.GetTimestamp();
        _served = 0;
        foreach (var gate in _joined) _served += gate.Waiting;
        _joint!.Run(_joined);
        _joined.Clear();
    }

    // Before anybody is told, who might come back at once and be counted twice.
    private void OnDurable() => _gathering.NoteRound(_roundBeganAt, _served, CountWaiting());

    // Whether there is a thread for what else is queued.
    private bool HasHands()
    {
        lock (_gate) return _queue.Count == 0 || _resting.Count > 0;
    }

    private int CountWaiting()
    {
        var count = 0;
        lock (_gate)
            foreach (var gate in _joining) count += gate.Waiting;
        return count;
    }

    private void OnTimer()
    {
        List<IFlushable> due = [];
        lock (_gate)
        {
            if (_stopped) return;
            _timerDue = long.MaxValue;
            while (_timed.TryPeek(out var log, out var at))
            {
                if (at > NowMs())
                {
                    Arm(at);
                    break;
                }

                _timed.Dequeue();
                due.Add(log);
            }
        }

        foreach (var log in due) Enqueue(log);
    }

    private void Arm(long due)
    {
        _timerDue = due;
        var delay = TimeSpan.FromMilliseconds(Math.Clamp(due - NowMs(), 1, int.MaxValue));
        _timer ??= _time.CreateTimer(_ => OnTimer(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(delay, Timeout.InfiniteTimeSpan);
    }

    private long NowMs() => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private sealed class Worker
    {
        public Thread? Thread { get; set; }

        public ThreadRest Rest { get; } = new();

        /// <summary>Whether it was woken to flush several logs.</summary>
        public bool Joins { get; set; }
    }
}
