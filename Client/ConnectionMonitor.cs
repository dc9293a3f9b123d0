namespace OrleansLog.Client;

/// <summary>
/// Hears from Orleans when a gateway's connection breaks. Orleans leaves the calls that were on it waiting for their timeout, as
/// it cannot know whether their answers may come another way; here they are given up at once and repeated, which every call of
/// this client stands.
/// </summary>
#pragma warning disable CA1001 // a source without a timer holds nothing to be disposed of
internal sealed class ConnectionMonitor : IClusterConnectionStatusObserver
{
#pragma warning restore CA1001
    private CancellationTokenSource _broken = new();

    /// <summary>Cancelled when a connection that is there now breaks.</summary>
    public CancellationToken Broken => Volatile.Read(ref _broken).Token;

    public void NotifyGatewayCountChanged(int currentNumberOfGateways, int previousNumberOfGateways, bool connectionRecovered)
    {
        if (currentNumberOfGateways < previousNumberOfGateways) Break();
    }

    public void NotifyClusterConnectionLost() => Break();

    /// <summary>A node is gone: what was under way to it will not be answered, however it is connected to.</summary>
    public void NotifyNodeLost() => Break();

    // Not inline: whoever tells us is about to tear the connection down.
    private void Break() => ThreadPool.UnsafeQueueUserWorkItem(
        static broken => broken.Cancel(), Interlocked.Exchange(ref _broken, new CancellationTokenSource()), preferLocal: false);
}
