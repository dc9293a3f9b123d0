namespace OrleansLog.Engine.Groups.Classic;

/// <summary>The coordinator's clock, and a time before which nothing is due.</summary>
/// <param name="clock">Milliseconds that never go back.</param>
internal sealed class Deadlines(Func<long> clock)
{
    /// <summary>What no deadline is.</summary>
    public const long Never = long.MaxValue;

    /// <summary>The time now.</summary>
    public long NowMs => clock();

    /// <summary>Never later than the earliest deadline; it may be earlier, since most deadlines only move back.</summary>
    public long EarliestMs { get; private set; } = Never;

    /// <summary>A deadline in so many milliseconds.</summary>
    public long In(double ms)
    {
        var at = NowMs + (long)Math.Ceiling(ms);
        EarliestMs = Math.Min(EarliestMs, at);
        return at;
    }

    /// <summary>Takes over the earliest of all deadlines there are.</summary>
    public void Set(long earliestMs) => EarliestMs = earliestMs;
}
