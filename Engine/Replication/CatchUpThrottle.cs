namespace OrleansLog.Engine.Replication;

/// <summary>
/// Bounds the bytes a second that a node sends to followers that catch up, so that the others and the clients have the rest: the bytes
/// by which they come nearer, not counting what is appended meanwhile. What is sent is paid for by waiting before the next.
/// Thread-safe.
/// </summary>
public sealed class CatchUpThrottle
{
    private static readonly TimeSpan s_burst = TimeSpan.FromMilliseconds(100);
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private long _bytesPerSecond;
    private DateTimeOffset _freeAt;

    /// <summary>Makes one that lets so many bytes a second through.</summary>
    public CatchUpThrottle(long bytesPerSecond, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        _time = time;
        BytesPerSecond = bytesPerSecond;
    }

    /// <summary>The limit, from 1; may be changed at any time.</summary>
    public long BytesPerSecond
    {
        get => Interlocked.Read(ref _bytesPerSecond);
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            Interlocked.Exchange(ref _bytesPerSecond, value);
        }
    }

    /// <summary>Accounts for bytes that are about to be sent, and answers how long to wait before that.</summary>
    internal TimeSpan Reserve(int bytes)
    {
        var cost = TimeSpan.FromSeconds((double)bytes / BytesPerSecond);
        lock (_gate)
        {
            var now = _time.GetUtcNow();
            if (_freeAt < now - s_burst) _freeAt = now - s_burst;
            var wait = _freeAt - now;
            _freeAt += cost;
            return wait > TimeSpan.Zero ? wait : TimeSpan.Zero;
        }
    }
}
