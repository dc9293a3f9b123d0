using System.Diagnostics;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// How long a round of several logs waits for company. Producers that keep a bounded number of requests in flight come back soon after
/// the round that served them. A round that begins at once has those that came during the one before, the next one the others: each
/// serves a half. One that waits until as many are there as were served and had come by then serves all of them, by half as many fsyncs. It waits for no
/// longer than a part of an fsync, and where nobody came back, not again for a while. One thread waits at a time; the rest is thread-safe.
/// </summary>
internal sealed class RoundGathering(int longestWaitUs = 400)
{
    /// <summary>Waiting is worth it only where an fsync takes several times what it takes to wake a thread.</summary>
    private const int ShortestFlushUs = 150;

    private const int MostMisses = 8;

    private readonly Lock _gate = new();
    private readonly ThreadRest _rest = new();
    private bool _isGathering;
    private int _count;
    private int _expected;
    private int _before;
    private long _endedAt;
    private long _beganAt;
    private int _waitUs;
    private int _misses;
    private int _skip;

    /// <summary>Whether a round waits.</summary>
    public bool IsGathering => Volatile.Read(ref _isGathering);

    private int LeftUs => _waitUs - MicrosecondsSince(_beganAt);

    /// <summary>One more waits for the next round.</summary>
    public void Note()
    {
        if (!IsGathering) return;
        lock (_gate)
        {
            if (!_isGathering || ++_count != _expected) return;
        }

        _rest.Wake();
    }

    /// <summary>A round has ended.</summary>
    /// <param name="startedAt">When it began (<see cref="Stopwatch.GetTimestamp"/>).</param>
    /// <param name="served">How many waited for it.</param>
    /// <param name="waiting">How many wait for the next one already.</param>
    public void NoteRound(long startedAt, int served, int waiting)
    {
        _endedAt = Stopwatch.GetTimestamp();
        // Those of the round before may still be on their way.
        _expected = Math.Max(served + waiting, _before);
        _before = served + waiting;
        var flushUs = MicrosecondsSince(startedAt);
        _waitUs = flushUs < ShortestFlushUs ? 0 : Math.Min(flushUs / 2, longestWaitUs);
    }

    /// <summary>Returns when those that are expected are there, or it is not worth waiting for them any longer.</summary>
    /// <param name="waiting">How many wait for the next round.</param>
    public void Wait(int waiting)
    {
        _beganAt = Stopwatch.GetTimestamp();
        if (waiting >= _expected || MicrosecondsSince(_endedAt) >= 2 * _waitUs) return;
        if (_skip > 0)
        {
            _skip--;
            return;
        }

        lock (_gate)
        {
            _count = waiting;
            _isGathering = true;
        }

        bool isComplete;
        do _rest.Wait(Math.Max(LeftUs, 1));
        while (Volatile.Read(ref _count) < _expected && LeftUs >= 1);

        lock (_gate)
        {
            isComplete = _count >= _expected;
            _isGathering = false;
        }

        _misses = isComplete ? 0 : Math.Min(_misses + 1, MostMisses);
        _skip = (1 << _misses) - 1;
    }

    private static int MicrosecondsSince(long timestamp) => (int)Math.Min(Stopwatch.GetElapsedTime(timestamp).TotalMicroseconds, int.MaxValue);
}
