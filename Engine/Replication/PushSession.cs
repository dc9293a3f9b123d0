namespace OrleansLog.Engine.Replication;

/// <summary>
/// One conversation with a follower, from the opening of a term to the first failure. What the loop and the answers share is
/// counted with interlocked operations.
/// </summary>
internal sealed class PushSession
{
    private Exception? _failure;
    private int _requests;
    private long _bytes;
    private long _appended = -1;
    private long _free;

    /// <summary>The follower's name for it.</summary>
    public long Id { get; set; }

    /// <summary>The offset that the next request begins with.</summary>
    public long NextOffset { get; set; }

    /// <summary>Whether the loop has sent all that it could, and sleeps; changed by whoever may send.</summary>
    public bool IsResting { get; set; }

    /// <summary>The greatest high watermark that was sent.</summary>
    public long ToldHighWatermark { get; set; }

    /// <summary>Whether the follower must be asked for older epochs, in a new session and without a pause.</summary>
    public bool IsRepeated { get; set; }

    /// <summary>Whether a push was answered.</summary>
    public bool HasPushed { get; set; }

    /// <summary>When the call that failed was made.</summary>
    public long? FailedCallSince { get; set; }

    /// <summary>What ended it; null while it goes on.</summary>
    public Exception? Failure => Volatile.Read(ref _failure);

    public void Fail(Exception failure) => Interlocked.CompareExchange(ref _failure, failure, null);

    /// <summary>Whether another request may be sent.</summary>
    public bool HasRoom(ReplicationOptions options)
    {
        var requests = Volatile.Read(ref _requests);
        return requests == 0 || (requests < options.MaxInFlightRequests && Interlocked.Read(ref _bytes) < options.MaxInFlightBytes);
    }

    /// <summary>How many of the bytes to be sent are more than what the leader has appended since the session began to push.</summary>
    public int Excess(int bytes, long appendedBytes)
    {
        if (_appended >= 0) _free += appendedBytes - _appended;
        _appended = appendedBytes;
        var free = (int)Math.Min(bytes, _free);
        _free -= free;
        return bytes - free;
    }

    public void Sent(int bytes)
    {
        Interlocked.Increment(ref _requests);
        Interlocked.Add(ref _bytes, bytes);
    }

    public void Answered(int bytes)
    {
        Interlocked.Add(ref _bytes, -bytes);
        Interlocked.Decrement(ref _requests);
    }
}
