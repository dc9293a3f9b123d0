using OrleansLog.Engine.Storage;
using OrleansLog.Records;

namespace OrleansLog.Engine.Replication;

/// <summary>Sending what there is within a session, and hearing the answers.</summary>
internal sealed partial class FollowerPush
{
    private const int MaxBytesSentHere = 32 * 1024;

    // Held by whoever sends: the loop, or an appender while the loop sleeps. So requests leave in the order of their offsets.
    private readonly Lock _sending = new();

    /// <summary>
    /// There is something to send: so many bytes have been appended. A few are sent on the caller's thread while the loop sleeps, since
    /// waking another takes longer than that.
    /// </summary>
    public void Wake(int appendedBytes)
    {
        if (appendedBytes > MaxBytesSentHere || !TrySendHere()) _work.Set();
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
                else if (MustTell)
                {
                    Tell(session);
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

            if (MustTell && session.HasRoom(Options)) Tell(session);
            return true;
        }
        catch (Exception failure)
        {
            // The loop's to deal with: the appender has done its part.
            session.Fail(failure);
            return false;
        }
        finally
        {
            _sending.Exit();
        }
    }

    private bool MustTell => Volatile.Read(ref _mustTell) != 0;

    private void Tell(PushSession session)
    {
        // Before the high watermark is read: what rises after that is told anew.
        Interlocked.Exchange(ref _mustTell, 0);
        if (session.ToldHighWatermark < _leader.HighWatermark) Send(session, LogRead.Empty(session.NextOffset));
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
        Volatile.Write(ref _lastSent, _time.GetTimestamp());
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
            // Not here when it is answered already: whoever sends holds a lock.
            var response = await call.WaitAsync(deadline).ConfigureAwait(Continuations.StayOnContext
                ? ConfigureAwaitOptions.ContinueOnCapturedContext : ConfigureAwaitOptions.ForceYielding);
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
            if (session.Failure is not null || MustTell || session.NextOffset < Log.LogEndOffset) _work.Set();
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
}
