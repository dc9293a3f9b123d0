namespace OrleansLog.Tests.Grains;

/// <summary>Runs the start stages of one participant, in their order, without a silo.</summary>
internal sealed class TestLifecycle : ISiloLifecycle
{
    private readonly List<(int Stage, ILifecycleObserver Observer)> _observers = [];

    public int HighestCompletedStage { get; private set; }

    public int LowestStoppedStage => int.MaxValue;

    public async Task StartAsync(ILifecycleParticipant<ISiloLifecycle> participant)
    {
        participant.Participate(this);
        foreach (var (stage, observer) in _observers.OrderBy(each => each.Stage))
        {
            await observer.OnStart(CancellationToken.None);
            HighestCompletedStage = stage;
        }
    }

    public IDisposable Subscribe(string observerName, int stage, ILifecycleObserver observer)
    {
        _observers.Add((stage, observer));
        return new Nothing();
    }

    private sealed class Nothing : IDisposable
    {
        public void Dispose()
        {
        }
    }
}
