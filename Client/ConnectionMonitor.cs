namespace OrleansLog.Client;

/// <summary>
/// Hears from Orleans when a gateway's connection breaks. Orleans leaves the calls that were on it waiting for their timeout, as
/// it cannot know whether their answers may come another way; here they are given up at once and repeated, which every call of
/// this client stands. When a node is gone, one gateway may know it before another, and what is repeated by way of the other is
/// sent to the dead node once more and lost; so what was begun soon after that and is still not answered is given up again.
/// </summary>
/// <param name="time">The clock for that; the system's when null.</param>
#pragma warning disable CA1001 // a source without a timer holds nothing to be disposed of
internal sealed class ConnectionMonitor(TimeProvider? time = null) : IClusterConnectionStatusObserver
{
#pragma warning restore CA1001
    // Until when calls are begun that are given up, and for how long after that they may be answered yet.
    private static readonly (TimeSpan Begun, TimeSpan Answered)[] s_repeats =
    [
        (TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(150)),
        (TimeSpan.FromMilliseconds(250), TimeSpan.FromMilliseconds(500)),
        (TimeSpan.FromMilliseconds(1000), TimeSpan.FromMilliseconds(1000)),
    ];

    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private CancellationTokenSource _broken = new();

    /// <summary>A connection to a gateway was made. Called within Orleans' handling of that, so handlers must be brief.</summary>
    public event Action? Connected;

    /// <summary>Cancelled when a connection that is there now breaks.</summary>
    public CancellationToken Broken => Volatile.Read(ref _broken).Token;

    public void NotifyGatewayCountChanged(int currentNumberOfGateways, int previousNumberOfGateways, bool connectionRecovered)
    {
        if (currentNumberOfGateways < previousNumberOfGateways) Break(Renew());
        else Connected?.Invoke();
    }

    public void NotifyClusterConnectionLost() => Break(Renew());

    /// <summary>A node is gone: what was under way to it will not be answered, however it is connected to.</summary>
    public void NotifyNodeLost()
    {
        Break(Renew());
        _ = RepeatAsync(); // cannot fail
    }

    private async Task RepeatAsync()
    {
        foreach (var (begun, answered) in s_repeats)
        {
            await Task.Delay(begun, _time).ConfigureAwait(false);
            var before = Renew();
            await Task.Delay(answered, _time).ConfigureAwait(false);
            Break(before);
        }
    }

    private CancellationTokenSource Renew() => Interlocked.Exchange(ref _broken, new CancellationTokenSource());

    // Not inline: whoever tells us is about to tear the connection down.
    private static void Break(CancellationTokenSource broken) =>
        ThreadPool.UnsafeQueueUserWorkItem(static broken => broken.Cancel(), broken, preferLocal: false);
}
