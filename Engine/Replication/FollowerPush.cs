using Microsoft.Extensions.Logging;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;

namespace OrleansLog.Engine.Replication;

/// <summary>
/// Pushes a leader's records to one follower: one loop, which opens a session, aligns the follower's log, and then sends what there
/// is, several requests at a time. Whatever fails ends the session, and the loop begins another; so a request never has to be
/// repeated within one. While there is nothing to send the loop sleeps, without a timer.
/// </summary>
internal sealed class FollowerPush : IDisposable
{
    private const int MaxBytesSentHere = 32 * 1024;

    private readonly PartitionLeader _leader;
    private readonly FollowerProgress _progress;
    private readonly ReplicationContext _context;
    private readonly IReplicaLink _link;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly WakeSignal _work = new();
    private readonly WakeSignal _retry = new();

    // Held by whoever sends: the loop, or an appender while the loop sleeps. So requests leave in the order of their offsets.
    private readonly Lock _sending = new();
    private readonly ITimer _highWatermarkTimer;
    private readonly CancellationTokenSource _stopping = new();
    private Task _loop = Task.CompletedTask;
    private PushSession? _session;
    private int _isTellArmed;
    private volatile bool _mustTell;

    public FollowerPush(
        PartitionLeader leader, FollowerProgress progress, ReplicationContext context, TimeProvider time, ILogger logger)
    {
        _leader = leader;
        _progress = progress;
        _context = context;
        _link = context.Links(progress.NodeId);
        _time = time;
        _logger = logger;
        _highWatermarkTimer = time.CreateTimer(_ => OnTellDue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Node id of the follower.</summary>
    public int NodeId => _progress.NodeId;

    /// <summary>Ends when the loop has.</summary>
    public Task Completion => _loop;

    private ReplicationOptions Options => _context.Options;

    private PartitionLog Log => _leader.Log;

    private bool IsStopped => _stopping.IsCancellationRequested || _leader.IsClosed;

    public void Start() => _loop = Continuations.Run(RunAsync);

    /// <summary>
    /// There is something to send: so many bytes have been appended. A few are sent on the caller's thread while the loop sleeps, since
    /// waking another takes longer than that.
    /// </summary>
    public void Wake(int appendedBytes)
    {
        if (appendedBytes > MaxBytesSentHere || !TrySendHere()) _work.Set();
    }

    /// <summary>The high watermark rose: the follower hears of it with the next records, or soon.</summary>
    public void NoteHighWatermark()
    {
        if (Volatile.Read(ref _isTellArmed) == 0 && Interlocked.Exchange(ref _isTellArmed, 1) == 0)
            _highWatermarkTimer.Change(Options.HighWatermarkDelay, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The follower is to hear of the high watermark now.</summary>
    public void TellNow()
    {
        _mustTell = true;
        _work.Set();
    }

    /// <summary>Ends the session, and the pause after it: another is opened at once.</summary>
    public void Reopen()
    {
        Volatile.Read(ref _session)?.Fail(new IOException($"Node {NodeId} has come back."));
        _work.Set();
        _retry.Set();
    }

    /// <summary>Ends the session, as a failed call does: the follower must be heard of anew before it counts as reachable.</summary>
    public void Abort()
    {
        Volatile.Read(ref _session)?.Fail(new IOException($"Node {NodeId} is said to be down."));
        _work.Set();
    }

    /// <summary>Ends the loop soon; see <see cref="Completion"/>.</summary>
    public void Stop()
    {
        _stopping.Cancel();
        _highWatermarkTimer.Dispose();
        _work.Set();
        _retry.Set();
    }

    public void Dispose()
    {
        Stop();
        _stopping.Dispose();
    }

    private void OnTellDue()
    {
        Volatile.Write(ref _isTellArmed, 0);
        TellNow();
    }

    private async Task RunAsync()
    {
        var delay = Options.MinRetryDelay;
        while (!IsStopped)
        {
            var started = _time.GetTimestamp();
            var session = new PushSession();
            Volatile.Write(ref _session, session);
            try
            {
                await RunSessionAsync(session).ConfigureAwait(Continuations.StayOnContext);
                if (session.IsRepeated) continue;
            }
            catch (Exception failure)
            {
                if (IsStopped) break;
                session.Fail(failure);
                _logger.LogDebug(failure, "{Partition}: pushing to node {Node} failed", Log.Partition, NodeId);
            }

            if (IsStopped) break;
            if (session.HasPushed) delay = Options.MinRetryDelay;
            var pause = _leader.OnFollowerFailed(_progress, session.FailedCallSince ?? started, delay);
            await _retry.WaitAsync().WaitAsync(pause, _time).ConfigureAwait(Continuations.SuppressThrowing);
            delay = TimeSpan.FromTicks(Math.Min(delay.Ticks * 2, Options.MaxRetryDelay.Ticks));
        }

    }

    // Comes back without an exception when the leader has stopped, or when the follower has to be asked for more epochs.
    private async Task RunSessionAsync(PushSession session)
    {
        var begun = _time.GetTimestamp();
        var request = new BeginTermRequest(_leader.State.LeaderEpoch, _leader.State.Leader);
        var follower = await Bounded(ct => _link.BeginTermAsync(request, ct)).ConfigureAwait(Continuations.StayOnContext);
        if (!Accepts(session, follower.Result, follower.LeaderEpoch)) throw Refused(follower.Result, follower.Reason);
        var alignment = FollowerAlignment.Find(Log, follower);
        await LeaveBeforeLoss(follower, alignment).ConfigureAwait(Continuations.StayOnContext);

        session.Id = follower.Session;
        session.ToldHighWatermark = _leader.HighWatermark;
        var align = NewRequest(session, alignment.Alignment, alignment.Offset, default);
        var aligned = await Bounded(ct => _link.ReplicateAsync(align, ct)).ConfigureAwait(Continuations.StayOnContext);
        if (!Accepts(session, aligned.Result, aligned.LeaderEpoch)) throw Refused(aligned.Result, aligned.Reason);
        if (aligned.LogEndOffset > alignment.Offset || aligned.LogEndOffset < 0)
            throw Refused(ReplicaResult.Mismatch, $"its log ends at {aligned.LogEndOffset} after it was aligned at {alignment.Offset}");
        session.IsRepeated = alignment.NeedsAnotherTerm;
        if (session.IsRepeated) return;
        session.NextOffset = aligned.LogEndOffset;
        session.FailedCallSince = begun;
        _leader.OnFollowerAligned(_progress, Math.Min(aligned.DurableEndOffset, aligned.LogEndOffset), aligned.IsLeaving);
        _leader.OnFollowerTold(_progress, align.HighWatermark);
        await PushAsync(session).ConfigureAwait(Continuations.StayOnContext);
    }

    // In-sync replicas hold what is committed. One that is about to lose some of it, or has, must be out of the ISR before, or it
    // could be elected.
    private async Task LeaveBeforeLoss(FollowerLogState follower, FollowerAlignment alignment)
    {
        var isLoss = follower.DamagedFrom >= 0 || alignment.Offset < _leader.HighWatermark
            || alignment.Alignment == ReplicaAlignment.Restart;
        // A partition that is new has nothing to lose: its first followers are as empty as its leader was.
        if (isLoss && !_leader.HasCommittedNothing) await _leader.RemoveFromIsrAsync(NodeId).ConfigureAwait(Continuations.StayOnContext);
    }

    private async Task PushAsync(PushSession session)
    {
        while (!IsStopped)
        {
            if (session.Failure is { } failure) throw failure;
            if (Log.Offline is not null) _leader.EndOffline();
            var next = SendOrRest(session);
            if (next is { } read)
            {
                await ThrottleAsync(session, read.Length).ConfigureAwait(Continuations.StayOnContext);
                lock (_sending) Send(session, read);
            }
            else
            {
                await _work.WaitAsync().ConfigureAwait(Continuations.StayOnContext);
                lock (_sending) session.IsResting = false;
            }
        }
    }

    // Sends until there is nothing to send or no room. Answers what has to wait for the throttle; null when the loop may rest.
    private LogRead? SendOrRest(PushSession session)
    {
        lock (_sending)
        {
            session.IsResting = false;
            while (session.HasRoom(Options))
            {
                if (session.NextOffset < Log.LogEndOffset && ReadNext(session) is { } read)
                {
                    if (IsThrottled) return read;
                    Send(session, read);
                }
                else if (_mustTell)
                {
                    _mustTell = false;
                    if (session.ToldHighWatermark < _leader.HighWatermark) Send(session, LogRead.Empty(session.NextOffset));
                }
                else
                {
                    break;
                }
            }

            session.IsResting = true;
            return null;
        }
    }

    // Only while the loop rests: nobody else sends then, or waits to. Whatever is not simple is left to the loop.
    private bool TrySendHere()
    {
        if (Volatile.Read(ref _session) is not { } session || !_sending.TryEnter()) return false;
        try
        {
            if (!session.IsResting || session.Failure is not null || IsStopped || Log.Offline is not null || IsThrottled) return false;
            // An answer that makes room wakes the loop.
            while (session.HasRoom(Options) && session.NextOffset < Log.LogEndOffset)
            {
                if (ReadNext(session) is not { } read) return false;
                Send(session, read);
            }

            return true;
        }
        catch (OrleansLogException failure)
        {
            session.Fail(failure);
            return false;
        }
        finally
        {
            _sending.Exit();
        }
    }

    private bool IsThrottled => _context is not { Throttle: null, ReassignmentThrottle: null } && !_leader.IsCounted(NodeId);

    private LogRead? ReadNext(PushSession session)
    {
        try
        {
            var read = Log.ReadForReplica(session.NextOffset, NextRequestBytes());
            if (read.Length > 0) return read;
            read.Dispose();
            return null;
        }
        catch (OrleansLogException damage) when (damage.Error == ErrorCode.CorruptMessage)
        {
            _leader.OnOwnDamage(damage);
            throw;
        }
    }

    private CatchUpThrottle? MoveThrottle => _leader.IsBeingAdded(NodeId) ? _context.ReassignmentThrottle : null;

    private int NextRequestBytes()
    {
        if (!IsThrottled) return Options.MaxRequestBytes;
        var slice = Math.Min(_context.Throttle?.SliceBytes ?? int.MaxValue, MoveThrottle?.SliceBytes ?? int.MaxValue);
        return Math.Min(Options.MaxRequestBytes, slice);
    }

    // What is appended meanwhile is sent on top of the limit: a follower that had to share it with that would never catch up.
    private async ValueTask ThrottleAsync(PushSession session, int bytes)
    {
        var excess = session.Excess(bytes, _leader.AppendedBytes);
        if (excess == 0) return;
        var wait = _context.Throttle?.Reserve(excess) ?? TimeSpan.Zero;
        if (MoveThrottle is { } moves && moves.Reserve(excess) is var longer && longer > wait) wait = longer;
        if (wait > TimeSpan.Zero)
            await Task.Delay(wait, _time, _stopping.Token).ConfigureAwait(Continuations.SuppressThrowing);
    }

    private void Send(PushSession session, LogRead read)
    {
        var request = NewRequest(session, ReplicaAlignment.None, session.NextOffset, read.Memory);
        session.ToldHighWatermark = request.HighWatermark;
        session.NextOffset = read.NextOffset;
        session.Sent(read.Length);
        // Its end is heard of through the session.
        _ = SendAsync(session, request, read);
    }

    private async Task SendAsync(PushSession session, ReplicateRequest request, LogRead read)
    {
        var sent = _time.GetTimestamp();
        Task<ReplicateResponse>? call = null;
        try
        {
            var deadline = _leader.Deadlines.After(Options.CallTimeout);
            call = _link.ReplicateAsync(request, deadline);
            var response = await call.WaitAsync(deadline).ConfigureAwait(Continuations.StayOnContext);
            if (!Accepts(session, response.Result, response.LeaderEpoch)) throw Refused(response.Result, response.Reason);
            // What an answer says of a session that is over may no longer be so.
            if (session.Failure is null) OnAnswer(session, request, response);
        }
        catch (Exception failure)
        {
            session.FailedCallSince = sent;
            session.Fail(failure);
        }
        finally
        {
            // A call that goes on beyond its deadline may still read them.
            if (call is null || call.IsCompleted) read.Dispose();
            else Forget(call);
            session.Answered(read.Length);
            // While all is sent, nobody has to look.
            if (session.Failure is not null || _mustTell || session.NextOffset < Log.LogEndOffset) _work.Set();
        }
    }

    private void OnAnswer(PushSession session, ReplicateRequest request, ReplicateResponse response)
    {
        if (response.LogEndOffset > session.NextOffset || response.DurableEndOffset > response.LogEndOffset)
        {
            throw Refused(
                ReplicaResult.Mismatch,
                $"it claims [..{response.LogEndOffset}), durable {response.DurableEndOffset}, and was sent [..{session.NextOffset})");
        }

        session.HasPushed = true;
        _leader.OnFollowerTold(_progress, request.HighWatermark);
        _leader.OnFollowerAnswer(_progress, response.DurableEndOffset, response.IsLeaving);
    }

    private ReplicateRequest NewRequest(PushSession session, ReplicaAlignment alignment, long baseOffset, ReadOnlyMemory<byte> records) => new(
        _leader.State.LeaderEpoch, session.Id, alignment, baseOffset, records, RecordSeal.Of(records), _leader.HighWatermark, Log.LogStartOffset);

    private async Task<T> Bounded<T>(Func<CancellationToken, Task<T>> call)
    {
        var deadline = _leader.Deadlines.After(Options.CallTimeout);
        var task = call(deadline);
        try
        {
            return await task.WaitAsync(deadline).ConfigureAwait(Continuations.StayOnContext);
        }
        finally
        {
            if (!task.IsCompleted) Forget(task);
        }
    }

    // False when the answer refuses; a fenced leader stops at once. What comes late, of a session that is over, says nothing of the next
    // one: that would go on, and the follower never be taken for aligned again.
    private bool Accepts(PushSession session, ReplicaResult result, int knownEpoch)
    {
        if (knownEpoch > _leader.State.LeaderEpoch) _leader.EndFenced(knownEpoch, NodeId);
        else if (result == ReplicaResult.Unavailable && session.Failure is null) _leader.OnFollowerUnavailable(_progress);
        return result == ReplicaResult.Ok;
    }

    private OrleansLogException Refused(ReplicaResult result, string? reason) => new(
        ErrorCode.NotLeaderOrFollower, $"Node {NodeId} answered {result} to the leader of {Log.Partition}: {reason ?? "no reason"}.");

    // Nobody waits for it any more, so nobody else looks at its failure.
    private static void Forget(Task task) => task.ContinueWith(
        static ended => _ = ended.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
