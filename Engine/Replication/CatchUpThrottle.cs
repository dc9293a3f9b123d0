namespace OrleansLog.Engine.Replication;

/// <summary>
/// Bounds the bytes a second that a node sends to followers that catch up, so that the others and the clients have the rest: the bytes
/// by which they come nearer, not counting what is appended meanwhile. What is sent is paid for by waiting before the next.
/// Thread-safe.
/// </summary>
public sealed class CatchUpThrottle
{
    private const int MinSliceBytes = 64 * 1024;
    private static readonly TimeSpan s_burst = TimeSpan.FromMilliseconds(100);
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private long _bytesPerSecond;
    private bool _isNew = true;
    private long _freeAt;

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

    /// <summary>
    /// How much to send at a time: what a hundredth of a second has room for, so that others find their turn in between, and not
    /// so little that it costs more than it moves.
    /// </summary>
    internal int SliceBytes => (int)Math.Clamp(BytesPerSecond / 100, MinSliceBytes, int.MaxValue);

    /// <summary>Accounts for bytes that are about to be sent, and answers how long to wait before that.</summary>
    internal TimeSpan Reserve(int bytes)
    {
        var cost = (long)((double)bytes / BytesPerSecond * _time.TimestampFrequency);
        var burst = (long)(s_burst.TotalSeconds * _time.TimestampFrequency);
        lock (_gate)
        {
            // Not by the time of day, which may jump.
            var now = _time.GetTimestamp();
            if (_freeAt < now - burst || _isNew) _freeAt = now - burst;
            _isNew = false;
            var wait = _freeAt - now;
            _freeAt += cost;
            return wait > 0 ? _time.GetElapsedTime(now, now + wait) : TimeSpan.Zero;
        }
    }
}
