using Microsoft.Extensions.Logging;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Client;

/// <summary>
/// Hears from the cluster which nodes run. When one is gone, the calls that may have been under way to it are given up, to be
/// repeated at once; Orleans would let them wait for their timeouts, since only the gateway knows where they went. It asks by
/// several gateways, as one of them may hang itself; a question waits there until there is news, and is put again when a
/// connection breaks, as it may have been on that. It has Orleans connect to gateways that are new, too, which it would do with the first
/// call that has to go another way than before, and while that waits.
/// </summary>
internal sealed class ClusterWatch : IAsyncDisposable
{
    private const int Questions = 3;
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(25);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    // Orleans has asked for the gateways by then.
    private static readonly TimeSpan BeforeConnecting = WatchedGateways.RefreshPeriod * 1.5;

    private readonly IGrainFactory _grains;
    private readonly ConnectionMonitor _connection;
    private readonly WatchedGateways? _gateways;
    private readonly DirectNodes? _direct;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private readonly Task _loops;
    private RunningNodes? _known;

    public ClusterWatch(
        IGrainFactory grains, ConnectionMonitor connection, WatchedGateways? gateways, TimeProvider time, ILoggerFactory loggers,
        DirectNodes? direct = null)
    {
        _grains = grains;
        _connection = connection;
        _gateways = gateways;
        _direct = direct;
        _time = time;
        _log = loggers.CreateLogger("OrleansLog.Client.ClusterWatch");
        _loops = Task.WhenAll(Enumerable.Range(0, Questions).Select(key => BackgroundTask.Run(() => RunAsync(key))));
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _loops.ConfigureAwait(false);
        _stopping.Dispose();
    }

    private async Task RunAsync(int key)
    {
        var watch = _grains.GetGrain<IClusterWatchGrain>(key);
        while (!_stopping.IsCancellationRequested)
        {
            var broken = _connection.Broken;
            try
            {
                Note(await watch.Watch(Volatile.Read(ref _known)?.Version ?? -1, (int)Wait.TotalMilliseconds)
                    .WaitAsync(broken).WaitAsync(Patience, _time, _stopping.Token).ConfigureAwait(false));
                continue;
            }
            catch (OperationCanceledException) when (broken.IsCancellationRequested)
            {
                continue;
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                if (_log.IsEnabled(LogLevel.Debug)) _log.LogDebug(exception, "The cluster could not be asked which nodes run");
            }

            await Task.Delay(Pause, _time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Note(RunningNodes now)
    {
        string[] lost, added;
        lock (_gate)
        {
            if (_known is { } known && now.Version <= known.Version) return;
            lost = [.. (_known?.Silos ?? []).Except(now.Silos)];
            added = [.. now.Gateways.Except(_known?.Gateways ?? [])];
            Volatile.Write(ref _known, now);
            _gateways?.Update(now.Gateways);
            _direct?.Update(now);
        }

        if (added.Length > 0) _ = ConnectAsync(now.Gateways.Count); // cannot fail
        if (lost.Length == 0) return;
        if (_log.IsEnabled(LogLevel.Information)) _log.LogInformation("Gone: {Silos}", string.Join(", ", lost));
        _connection.NotifyNodeLost();
    }

    /// <summary>Asks once by each gateway: calls of this grain go out by one after the other, and what is not connected then is.</summary>
    private async Task ConnectAsync(int gateways)
    {
        await Task.Delay(BeforeConnecting, _time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_stopping.IsCancellationRequested) return;
        var watch = _grains.GetGrain<IClusterWatchGrain>(0);
        // The loops may come in between.
        var asked = Enumerable.Range(0, gateways + Questions).Select(_ => watch.Watch(-1, maxWaitMs: 0)).ToArray();
        Task all = Task.WhenAll(asked);
        await all.WaitAsync(Patience, _time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
