namespace OrleansLog.Tests.Simulation;

/// <summary>A lane's clock: timers follow virtual time, and the time of day can be wrong and jump.</summary>
public sealed class VirtualTime(Lane lane) : TimeProvider
{
    private static readonly DateTimeOffset s_start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>How wrong the time of day is.</summary>
    public TimeSpan Skew { get; set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => s_start + lane.Scheduler.Now + Skew;

    public override long GetTimestamp() => lane.Scheduler.Now.Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(lane, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class Timer(Lane lane, TimerCallback callback, object? state) : ITimer
    {
        private int _generation;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var generation = ++_generation;
            if (dueTime == Timeout.InfiniteTimeSpan) return true;
            Arm(dueTime, period, generation);
            return true;
        }

        public void Dispose() => _generation++;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void Arm(TimeSpan due, TimeSpan period, int generation) => lane.After(due, () =>
        {
            if (generation != _generation) return;
            if (period > TimeSpan.Zero) Arm(period, period, generation);
            callback(state);
        });
    }
}
