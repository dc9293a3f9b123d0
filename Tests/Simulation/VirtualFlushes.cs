using OrleansLog.Engine.Storage;

namespace OrleansLog.Tests.Simulation;

/// <summary>The flush threads of a simulated node: a round of fsync takes virtual time, and sometimes a lot of it.</summary>
internal sealed class VirtualFlushes(Lane lane) : IFlushScheduler
{
    /// <summary>Probability of a slow round.</summary>
    public double Slowness { get; set; }

    public void Enqueue(IFlushable log) => lane.After(Latency(), log.RunFlush);

    public void EnqueueAfter(IFlushable log, long delayMs) =>
        lane.After(TimeSpan.FromMilliseconds(Math.Min(delayMs, 1_000_000)), () => Enqueue(log));

    private TimeSpan Latency()
    {
        var random = lane.Scheduler.Random;
        return random.NextDouble() < Slowness
            ? TimeSpan.FromMilliseconds(random.Next(2000))
            : TimeSpan.FromMicroseconds(200 + random.Next(3000));
    }
}
