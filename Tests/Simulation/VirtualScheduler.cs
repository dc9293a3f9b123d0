using OrleansLog.Engine;

namespace OrleansLog.Tests.Simulation;

/// <summary>
/// One thread, virtual time, and a fixed order: what is due at the same time runs in an order that the seed draws. Everything that
/// the simulated code goes on with comes back here through a lane's synchronization context, so a seed repeats a run exactly.
/// </summary>
public sealed class VirtualScheduler(int seed)
{
    private const int MaxEvents = 2_000_000;
    private readonly PriorityQueue<(Lane Lane, Action Action), (long At, int Tie, long Number)> _events = new();
    private long _number;
    private readonly int _thread = Environment.CurrentManagedThreadId;

    /// <summary>The seed's source of chance; everything that is drawn in a simulation comes from it.</summary>
    public Random Random { get; } = new(seed);

    /// <summary>Virtual time since the start.</summary>
    public TimeSpan Now { get; private set; }

    /// <summary>How many events have run.</summary>
    public long EventCount { get; private set; }

    /// <summary>Called after each event.</summary>
    public Action? AfterEvent { get; set; }

    /// <summary>Has something run on a lane, now or later.</summary>
    public void At(Lane lane, TimeSpan when, Action action)
    {
        if (Environment.CurrentManagedThreadId != _thread) throw new InvalidOperationException("Something escaped from the simulation to another thread.");
        _events.Enqueue((lane, action), (Math.Max(when.Ticks, Now.Ticks), Random.Next(), _number++));
    }

    /// <summary>Runs until the condition holds (true), or the time or all work is over (false).</summary>
    public bool RunUntil(Func<bool> condition, TimeSpan limit)
    {
        var previous = SynchronizationContext.Current;
        try
        {
            while (!condition())
            {
                if (!_events.TryPeek(out _, out var next) || next.At > limit.Ticks) return false;
                RunNext();
            }

            return true;
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(previous);
        }
    }

    private void RunNext()
    {
        _events.TryDequeue(out var item, out var order);
        Now = TimeSpan.FromTicks(order.At);
        if (item.Lane.IsDead) return;
        if (item.Lane.PausedUntil > Now)
        {
            At(item.Lane, item.Lane.PausedUntil, item.Action);
            return;
        }

        if (++EventCount > MaxEvents) throw new InvalidOperationException($"More than {MaxEvents} events: something goes round in circles.");
        // A new one each time: a continuation is then never run inside of whatever completed it, but posted.
        SynchronizationContext.SetSynchronizationContext(new LaneContext(item.Lane));
        item.Action();
        AfterEvent?.Invoke();
    }

    private sealed class LaneContext(Lane lane) : SynchronizationContext, IEngineContext
    {
        public override void Post(SendOrPostCallback d, object? state) => lane.Post(() => d(state));

        public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException();

        public override SynchronizationContext CreateCopy() => new LaneContext(lane);
    }
}

/// <summary>One life of a process (or a person at the controls): it can be paused, and dies for good.</summary>
public sealed class Lane(VirtualScheduler scheduler, string name)
{
    /// <summary>The scheduler it runs on.</summary>
    public VirtualScheduler Scheduler => scheduler;

    /// <summary>What it is called in the trace.</summary>
    public string Name => name;

    /// <summary>Whether nothing of it runs any more.</summary>
    public bool IsDead { get; private set; }

    /// <summary>Nothing of it runs before this time.</summary>
    public TimeSpan PausedUntil { get; set; }

    /// <summary>Ends the life.</summary>
    public void Kill() => IsDead = true;

    /// <summary>Has something run now, after what runs.</summary>
    public void Post(Action action) => scheduler.At(this, scheduler.Now, action);

    /// <summary>Has something run later.</summary>
    public void After(TimeSpan delay, Action action) => scheduler.At(this, scheduler.Now + delay, action);

    /// <summary>Starts something; a failure that nobody else sees ends the simulation.</summary>
    public void Start(Func<Task> action) => Post(async void () => await action());
}
