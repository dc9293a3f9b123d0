namespace OrleansLog.Tests.Simulation;

/// <summary>The faults of the network as they are now; probabilities from 0 to 1.</summary>
public sealed class NetworkFaults
{
    public double Loss { get; set; }

    public double Duplication { get; set; }

    /// <summary>Of a delay far beyond the usual, which makes messages overtake each other.</summary>
    public double LongDelay { get; set; }

    public TimeSpan MaxLongDelay { get; set; } = TimeSpan.FromSeconds(6);

    public double Corruption { get; set; }
}

/// <summary>Carries calls between lanes, late, twice, out of order or not at all.</summary>
public sealed class SimulatedNetwork(VirtualScheduler scheduler, Trace trace)
{
    private readonly HashSet<(int From, int To)> _cut = [];

    public NetworkFaults Faults { get; set; } = new();

    /// <summary>Lets nothing through in one direction.</summary>
    public void Cut(int from, int to) => _cut.Add((from, to));

    public void Heal() => _cut.Clear();

    public bool IsCut(int from, int to) => _cut.Contains((from, to));

    /// <summary>
    /// Calls somebody. The handler runs on the callee's lane of the moment, maybe twice; a callee that is dead refuses, or is silent.
    /// </summary>
    public Task<T> CallAsync<T>(Lane fromLane, int from, int to, Func<Lane?> callee, string what, Func<Task<T>> handler)
    {
        var reply = new TaskCompletionSource<T>();
        var copies = Chance(Faults.Duplication) ? 2 : 1;
        for (var i = 0; i < copies; i++)
        {
            if (IsLost(from, to)) continue;
            // Time passes for the message whoever is alive; only then is it seen who is there.
            var carrier = new Lane(scheduler, "network");
            carrier.After(Delay(), () => Deliver(carrier));
        }

        return reply.Task;

        void Deliver(Lane carrier)
        {
            if (callee() is { IsDead: false } lane) lane.Post(() => _ = ServeAsync(lane));
            else if (Chance(0.7)) carrier.After(Delay(), () => Reply(() => reply.TrySetException(new IOException($"{what}: connection refused"))));
        }

        async Task ServeAsync(Lane lane)
        {
            T? result = default;
            Exception? failure = null;
            try
            {
                result = await handler();
            }
            catch (Exception thrown)
            {
                failure = thrown;
            }

            if (IsLost(to, from)) return;
            var carrier = new Lane(scheduler, "network");
            carrier.After(Delay(), () => Reply(() =>
            {
                if (failure is null) reply.TrySetResult(result!);
                else reply.TrySetException(failure);
            }));
        }

        void Reply(Action complete)
        {
            if (!fromLane.IsDead) fromLane.Post(complete);
        }
    }

    public bool Chance(double probability) => probability > 0 && scheduler.Random.NextDouble() < probability;

    private bool IsLost(int from, int to)
    {
        if (!IsCut(from, to) && !Chance(Faults.Loss)) return false;
        trace.Add($"lost {from}->{to}");
        return true;
    }

    private TimeSpan Delay() => Chance(Faults.LongDelay)
        ? TimeSpan.FromTicks(scheduler.Random.NextInt64(Faults.MaxLongDelay.Ticks))
        : TimeSpan.FromMicroseconds(100 + scheduler.Random.Next(900));
}
