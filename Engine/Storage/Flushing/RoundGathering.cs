using System.Diagnostics;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// How long a joint round waits for company. Producers that keep a bounded number of requests in flight come back soon after
/// the round that served them. A round that begins at once has those that came during the one before, the next one the others: each
/// serves a half. One that waits until as many are there as were served and had come by then serves all of them, by half as many fsyncs. It waits
/// for no longer than a part of a round, and where they do not come back, less and less often. One thread waits and tells of rounds.
/// (<see cref="FlushGate"/> has a crowd on one log wait likewise, for less long and by yielding, which takes no journal.)
/// </summary>
/// <param name="longestWaitUs">Microseconds that it waits at most.</param>
/// <param name="shortestRoundUs">Rounds shorter than that are not waited after: it is worth it only where they take several times what it takes
/// to wake a thread.</param>
internal sealed class RoundGathering(int longestWaitUs = 400, int shortestRoundUs = 150)
{
    private const int MostMisses = 8;

    private readonly ThreadRest _rest = new();
    private bool _isGathering;
    private int _notes;
    private int _wakeAt;
    private int _expected;
    private int _before;
    private long _endedAt;
    private int _waitUs;
    private int _misses;
    private int _skip;

    /// <summary>Whether a round waits.</summary>
    public bool IsGathering => Volatile.Read(ref _isGathering);

    /// <summary>One more waits, most likely for the next round. Called on any thread.</summary>
    public void Note()
    {
        if (IsGathering && Interlocked.Increment(ref _notes) - Volatile.Read(ref _wakeAt) >= 0) _rest.Wake();
    }

    /// <summary>What a round was about is durable; nobody has been told yet.</summary>
    /// <param name="startedAt">When it began (<see cref="Stopwatch.GetTimestamp"/>).</param>
    /// <param name="served">How many waited for it.</param>
    /// <param name="waiting">How many wait for the next one already.</param>
    public void NoteRound(long startedAt, int served, int waiting)
    {
        _endedAt = Stopwatch.GetTimestamp();
        // Those of the round before may still be on their way.
        _expected = Math.Max(served + waiting, _before);
        _before = served + waiting;
        var roundUs = MicrosecondsSince(startedAt);
        _waitUs = roundUs < shortestRoundUs ? 0 : Math.Min(roundUs / 2, longestWaitUs);
    }

    /// <summary>Returns when those that are expected are there, or it is not worth waiting for them any longer.</summary>
    /// <param name="countWaiting">Tells how many wait for the next round.</param>
    public void Wait(Func<int> countWaiting)
    {
        if (MicrosecondsSince(_endedAt) >= 2 * _waitUs || countWaiting() >= _expected) return;
        if (_skip > 0)
        {
            _skip--;
            return;
        }

        var beganAt = Stopwatch.GetTimestamp();
        Interlocked.Exchange(ref _isGathering, true);
        bool isComplete;
        while (true)
        {
            // Whoever comes after this is counted twice at worst, which ends a rest too early.
            var notes = Volatile.Read(ref _notes);
            var missing = _expected - countWaiting();
            var leftUs = _waitUs - MicrosecondsSince(beganAt);
            isComplete = missing <= 0;
            if (isComplete || leftUs < 1) break;
            Interlocked.Exchange(ref _wakeAt, notes + missing);
            if (Volatile.Read(ref _notes) - _wakeAt < 0) _rest.Wait(leftUs);
        }

        Volatile.Write(ref _isGathering, false);
        _misses = isComplete ? Math.Max(_misses - 1, 0) : Math.Min(_misses + 1, MostMisses);
        _skip = (1 << _misses) - 1;
    }

    private static int MicrosecondsSince(long timestamp) => (int)Math.Min(Stopwatch.GetElapsedTime(timestamp).TotalMicroseconds, int.MaxValue);
}
