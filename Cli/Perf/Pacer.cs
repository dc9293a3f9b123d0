namespace OrleansLog.Cli.Perf;

/// <summary>
/// Spreads work evenly over time. It tells when each piece was due, so that a latency can be measured from then: a stall then
/// counts for all the work it held up, and not only for the piece that met it.
/// </summary>
internal sealed class Pacer
{
    private static readonly TimeSpan WorthWaiting = TimeSpan.FromMilliseconds(1);
    private readonly TimeProvider _time;
    private readonly double _ticksEach;
    private readonly long _start;

    /// <param name="time">The clock.</param>
    /// <param name="perSecond">Pieces a second; null for as many as can be.</param>
    public Pacer(TimeProvider time, double? perSecond)
    {
        _time = time;
        _ticksEach = perSecond is { } rate ? time.TimestampFrequency / rate : 0;
        _start = time.GetTimestamp();
    }

    /// <summary>Waits until a piece (from 0) is due.</summary>
    /// <returns>The clock's timestamp of when it was due.</returns>
    public ValueTask<long> WhenDueAsync(long number, CancellationToken cancellationToken)
    {
        var now = _time.GetTimestamp();
        if (_ticksEach == 0)
            return new(now);
        var due = _start + (long)(number * _ticksEach);
        return due - now < WorthWaiting.TotalSeconds * _time.TimestampFrequency ? new(due) : WaitAsync(now, due, cancellationToken);
    }

    private async ValueTask<long> WaitAsync(long now, long due, CancellationToken cancellationToken)
    {
        await Task.Delay(_time.GetElapsedTime(now, due), _time, cancellationToken).ConfigureAwait(false);
        return due;
    }
}
