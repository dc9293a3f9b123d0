using System.Diagnostics;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// Group commit of one log: who waits for which offset to be durable, and when the next round of fsync is due. All who arrive
/// while a round runs wait for the next one together, on one completion. Thread-safe.
/// </summary>
/// <remarks>
/// Many who were served by one round come back at about the same time. The first of them would get a round of its own, and all
/// others the next one; so a round waits for about as many as the one before served, and no longer than a part of an fsync.
/// </remarks>
internal sealed class FlushGate(
    IFlushScheduler scheduler, Func<long> logEndOffset, Func<bool> flushFiles, IJournaledLog? log = null) : IFlushable
{
    /// <summary>Rounds that serve fewer than this are not waited for.</summary>
    private const int Crowd = 8;

    /// <summary>The longest wait for a crowd.</summary>
    private static readonly long MaxGatherTicks = Stopwatch.Frequency / 10_000;

    private readonly Lock _gate = new();
    private readonly Func<long> _logEndOffset = logEndOffset;
    private Waiters _next;
    private Waiters _running;
    private long _runningTarget;
    private long _flushedOffset;
    private bool _isQueued;
    private bool _isRunning;
    private bool _isWanted;
    private bool _isTimed;
    private int _truncations;
    private int _waiting;
    private int _served;
    private OrleansLogException? _failure;

    /// <summary>The log as joint rounds see it; null when it takes part in none.</summary>
    public IJournaledLog? Log => log;

    /// <summary>How many wait for its next round.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Whether its round may be one of several logs.</summary>
    public bool MayShare => log is { MayShare: true };

    /// <summary>The offset after the last record that is durable.</summary>
    public long FlushedOffset => Volatile.Read(ref _flushedOffset);

    /// <summary>
    /// Completes when the records before <paramref name="nextOffset"/> are durable: on another thread than the flusher's, unless
    /// <paramref name="goesOnAnywhere"/>, whereby who waits promises not to hold that up.
    /// </summary>
    public ValueTask WaitAsync(long nextOffset, bool goesOnAnywhere, CancellationToken ct)
    {
        if (FlushedOffset >= nextOffset) return ValueTask.CompletedTask;
        Task wait;
        var mustQueue = false;
        lock (_gate)
        {
            if (_flushedOffset >= nextOffset) return ValueTask.CompletedTask;
            if (_failure is { } failure) return ValueTask.FromException(failure);
            if (_isRunning && nextOffset <= _runningTarget)
            {
                wait = _running.Add(goesOnAnywhere);
            }
            else
            {
                wait = _next.Add(goesOnAnywhere);
                _waiting++;
                mustQueue = Want();
            }
        }

        // Outside of the lock, which whoever is woken by it takes at once.
        if (mustQueue) scheduler.Enqueue(this);
        else scheduler.NoteWaiter();
        return new ValueTask(ct.CanBeCanceled ? wait.WaitAsync(ct) : wait);
    }

    /// <summary>Has what is written made durable, without anybody waiting for it.</summary>
    public void Request()
    {
        bool mustQueue;
        lock (_gate) mustQueue = _failure is null && Want();
        if (mustQueue) scheduler.Enqueue(this);
    }

    /// <summary>
    /// Makes what is written durable on this thread, unless a round is running or queued; true when the records before
    /// <paramref name="nextOffset"/> are durable then. For a thread that has nothing better to do: it spares waking another.
    /// </summary>
    public bool TryRunHere(long nextOffset)
    {
        if (FlushedOffset >= nextOffset) return true;
        lock (_gate)
        {
            if (_isRunning || _isQueued || _failure is not null) return _flushedOffset >= nextOffset;
            _isQueued = true;
        }

        RunFlush();
        return FlushedOffset >= nextOffset;
    }

    /// <summary>Has what is written made durable when the delay is over, unless that is due already.</summary>
    public void RequestAfter(long delayMs)
    {
        lock (_gate)
        {
            if (_isTimed || _isQueued || _failure is not null) return;
            _isTimed = true;
        }

        scheduler.EnqueueAfter(new Timed(this), delayMs);
    }

    /// <summary>Sets the durable end of a log that was just opened.</summary>
    public void Reset(long flushedOffset) => Volatile.Write(ref _flushedOffset, flushedOffset);

    /// <summary>The log ends at the offset now; who waits for more is told.</summary>
    public void Truncate(long endOffset)
    {
        Waiters next, running;
        lock (_gate)
        {
            _truncations++;
            if (_flushedOffset > endOffset) Volatile.Write(ref _flushedOffset, endOffset);
            (next, running, _next, _running) = (_next, _running, default, default);
        }

        // Who waited for an offset that is still there asks again; there are none in practice, as a leader does not truncate.
        var failure = new OrleansLogException(
            ErrorCode.NotLeaderOrFollower, $"The log was truncated to offset {endOffset} while the write was waiting for its flush.");
        next.Fail(failure);
        running.Fail(failure);
    }

    /// <summary>Fails all who wait and all who will.</summary>
    public void Fail(OrleansLogException failure)
    {
        Waiters next, running;
        lock (_gate)
        {
            _failure ??= failure;
            _isRunning = false;
            (next, running, _next, _running) = (_next, _running, default, default);
        }

        next.Fail(failure);
        running.Fail(failure);
    }

    /// <inheritdoc/>
    public void RunFlush() => RunFlush(null);

    /// <summary>The same; <paramref name="onDurable"/> is called before those who wait are told.</summary>
    public void RunFlush(Action? onDurable)
    {
        Gather();
        if (!TryBegin(out var truncations) || !TryFlush()) return;
        onDurable?.Invoke();
        End(truncations);
    }

    /// <summary>Begins a round, which ends with <see cref="End"/>, or with a failure; false when the log has failed before.</summary>
    public bool TryBegin(out int truncations)
    {
        lock (_gate)
        {
            truncations = _truncations;
            (_served, _waiting) = (_waiting, 0);
            _isQueued = false;
            _isWanted = false;
            if (_failure is not null) return false;
            _isRunning = true;
            (_running, _next) = (_next, default);
            // Read before the fsync: what is appended during it may or may not be covered.
            _runningTarget = _logEndOffset();
            return true;
        }
    }

    /// <summary>Does the fsync of a round that was begun; a failure has come back through <see cref="Fail"/> by then.</summary>
    public bool TryFlush() => flushFiles();

    /// <summary>
    /// Ends a round that was begun: what was written then is durable. One of those who wait for it may go on on this thread, if it is not
    /// wanted elsewhere.
    /// </summary>
    public void End(int truncations, bool mayGoOnHere = true)
    {
        Waiters done;
        bool isFollowed;
        lock (_gate)
        {
            _isRunning = false;
            (done, _running) = (_running, default);
            if (_failure is null && truncations == _truncations && _runningTarget > _flushedOffset)
                Volatile.Write(ref _flushedOffset, _runningTarget);
            isFollowed = _failure is null && _isWanted;
            if (isFollowed) _isQueued = true;
        }

        if (isFollowed) scheduler.Enqueue(this);
        done.Complete(mayGoOnHere && !isFollowed);
    }

    // Yields to those who are about to append and wait; they need the cores more than this thread does.
    private void Gather()
    {
        var expected = _served / 2;
        if (expected < Crowd / 2) return;
        var started = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref _waiting) < expected && Stopwatch.GetTimestamp() - started < MaxGatherTicks) Thread.Yield();
    }

    private void Requeue() => scheduler.Enqueue(this);

    // Under the lock; whether the caller is to queue it.
    private bool Want()
    {
        if (_isQueued || _isWanted) return false;
        if (_isRunning)
        {
            _isWanted = true;
            return false;
        }

        return _isQueued = true;
    }

    /// <summary>
    /// Who waits for a round. One of them, if it may, goes on on the thread that ran it, unless that is wanted elsewhere: with one producer at
    /// a time, that spares waking a thread for each fsync.
    /// </summary>
    private struct Waiters
    {
        private TaskCompletionSource? _here;
        private TaskCompletionSource? _elsewhere;

        public Task Add(bool goesOnAnywhere) => (goesOnAnywhere && _here is null
            ? _here = new TaskCompletionSource()
            : _elsewhere ??= Continuations.NewCompletion()).Task;

        public readonly void Complete(bool mayGoOnHere)
        {
            _elsewhere?.TrySetResult();
            if (_here is null) return;
            if (mayGoOnHere || Continuations.StayOnContext) _here.TrySetResult();
            else ThreadPool.UnsafeQueueUserWorkItem(static here => here.TrySetResult(), _here, preferLocal: false);
        }

        // Whoever fails them may hold locks.
        public readonly void Fail(OrleansLogException failure)
        {
            _elsewhere?.TrySetException(failure);
            if (_here is null) return;
            if (Continuations.StayOnContext) _here.TrySetException(failure);
            else ThreadPool.UnsafeQueueUserWorkItem(
                static state => state.Here.TrySetException(state.Failure), (Here: _here, Failure: failure), preferLocal: false);
        }
    }

    // Only asks: a round that was queued meanwhile must not run beside another.
    private sealed class Timed(FlushGate owner) : IFlushable
    {
        public void RunFlush()
        {
            bool mustQueue;
            lock (owner._gate)
            {
                owner._isTimed = false;
                mustQueue = owner._failure is null && owner.FlushedOffset < owner._logEndOffset() && owner.Want();
            }

            if (mustQueue) owner.Requeue();
        }
    }
}
