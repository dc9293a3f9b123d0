namespace OrleansLog.Client;

/// <summary>
/// The time for records that bring none. The system's clock costs as much as half of all the rest that is done for a record, so
/// it is read again only when the system's tick count has moved, which it does every few milliseconds.
/// </summary>
internal sealed class RecordClock(TimeProvider time)
{
    private readonly bool _isSystem = ReferenceEquals(time, TimeProvider.System);
    private Reading _last = new(-1, 0);

    public long NowMs
    {
        get
        {
            if (!_isSystem) return time.GetUtcNow().ToUnixTimeMilliseconds();
            var tick = Environment.TickCount64;
            var last = Volatile.Read(ref _last);
            if (last.Tick == tick) return last.TimestampMs;
            var now = time.GetUtcNow().ToUnixTimeMilliseconds();
            Volatile.Write(ref _last, new Reading(tick, now));
            return now;
        }
    }

    private sealed record Reading(long Tick, long TimestampMs);
}
