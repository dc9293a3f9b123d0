using Microsoft.Extensions.Logging;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;

namespace OrleansLog.Engine.Replication;

/// <summary>
/// Pushes a leader's records to one follower: one loop, which opens a session, aligns the follower's log, and then sends what there
/// is, several requests at a time. Whatever fails ends the session, and the loop begins another; so a request never has to be
/// repeated within one. While there is nothing to send the loop sleeps, without a timer.
/// </summary>
internal sealed partial class FollowerPush : IDisposable
{
    private readonly PartitionLeader _leader;
    private readonly FollowerProgress _progress;
    private readonly ReplicationContext _context;
    private readonly IReplicaLink _link;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly WakeSignal _work = new();
    private readonly WakeSignal _retry = new();
    private readonly WatermarkTells _tells;
    private readonly CancellationTokenSource _stopping = new();
    private Task _loop = Task.CompletedTask;
    private PushSession? _session;
    private int _isToBeTold;
    private long _lastSent;
    private int _mustTell;

    public FollowerPush(
        PartitionLeader leader, FollowerProgress progress, ReplicationContext context, WatermarkTells tells, TimeProvider time, ILogger logger)
    {
        _leader = leader;
        _progress = progress;
        _context = context;
        _tells = tells;
        _link = context.Links(progress.NodeId);
        _time = time;
        _logger = logger;
    }

    /// <summary>Node id of the follower.</summary>
    public int NodeId => _progress.NodeId;

    /// <summary>Ends when the loop has.</summary>
    public Task Completion => _loop;

    private ReplicationOptions Options => _context.Options;

    private PartitionLog Log => _leader.Log;

    private bool IsStopped => _stopping.IsCancellationRequested || _leader.IsClosed;

    public void Start() => _loop = Continuations.Run(RunAsync);

    /// <summary>The high watermark rose: the follower hears of it with the next records, or soon.</summary>
    public void NoteHighWatermark()
    {
        if (Volatile.Read(ref _isToBeTold) == 0 && Interlocked.Exchange(ref _isToBeTold, 1) == 0) _tells.Add(this);
    }

    /// <summary>
    /// Tells the follower of the high watermark unless it was sent something within the delay: then it hears of it with the next records, or
    /// has to be looked at again. False for that.
    /// </summary>
    public bool TellWhenQuiet(TimeSpan delay)
    {
        if (!IsStopped && _time.GetElapsedTime(Volatile.Read(ref _lastSent)) < delay) return false;
        // What rises from here on is another matter.
        Volatile.Write(ref _isToBeTold, 0);
        if (!IsStopped) TellNow();
        return true;
    }

    /// <summary>The follower is to hear of the high watermark now.</summary>
    public void TellNow()
    {
        Interlocked.Exchange(ref _mustTell, 1);
        if (!TrySendHere()) _work.Set();
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
        _work.Set();
        _retry.Set();
    }

    public void Dispose()
    {
        Stop();
        _stopping.Dispose();
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
        if (isLoss && !_leader.HasCommittedNothing) await _leader.RemoveLostAsync(NodeId).ConfigureAwait(Continuations.StayOnContext);
    }

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
