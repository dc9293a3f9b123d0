using Microsoft.Extensions.Logging;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Client;

/// <summary>
/// Hears from the cluster which nodes run. When one is gone, the calls that may have been under way to it are given up, to be
/// repeated at once; Orleans would let them wait for their timeouts, since only the gateway knows where they went.
/// <para>
/// A question waits at a gateway until there is news. Any gateway may hang, so that what waits there is not answered, and nobody can
/// tell; so a question waits at each of them. Which gateway a call goes by, Orleans decides when a key is first used, and keeps to it while
/// that gateway is there: so keys are tried with questions that are answered at once, and tell by whom, until there is one for each.
/// That has Orleans connect to gateways that are new, too, before a call has to go that way.
/// </para>
/// </summary>
internal sealed class ClusterWatch : IAsyncDisposable
{
    // With more gateways than this, some have no question; that one of those hangs is heard from the others.
    private const int MostQuestions = 8;
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(25);
    private static readonly TimeSpan QuickPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = WatchedGateways.RefreshPeriod;

    private readonly IGrainFactory _grains;
    private readonly ConnectionMonitor _connection;
    private readonly WatchedGateways? _gateways;
    private readonly DirectNodes? _direct;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationToken _ending; // also once the source is disposed of
    private readonly AsyncSignal _signal;
    private readonly Lock _gate = new();
    private readonly Task _loop;

    // By the node of the gateway: the question that waits there, and the key whose questions go there.
    private readonly Dictionary<int, object> _waiting = [];
    private readonly Dictionary<int, long> _keys = [];
    private RunningNodes? _known;
    private long _lastKey;

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
        _ending = _stopping.Token;
        _signal = new AsyncSignal(time);
        _connection.Connected += _signal.Set;
        _loop = BackgroundTask.Run(RunAsync);
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        _connection.Connected -= _signal.Set;
        _signal.Set();
        await _loop.ConfigureAwait(false);
        _signal.Dispose();
        _stopping.Dispose();
    }

    private async Task RunAsync()
    {
        var (seen, pause) = (CancellationToken.None, Pause);
        while (!_ending.IsCancellationRequested)
        {
            var broken = _connection.Broken;
            // Any question may have waited on what broke.
            if (broken != seen) Forget();
            seen = broken;
            await using var waking = broken.Register(_signal.Set).ConfigureAwait(false);
            if (Lacking() is var lacking and > 0) await TryKeysAsync(lacking).ConfigureAwait(false);
            var isWoken = await _signal.WaitAsync(Lacking() > 0 ? pause : Timeout.InfiniteTimeSpan).ConfigureAwait(false);
            pause = isWoken ? Pause : TimeSpan.FromTicks(Math.Min((pause * 2).Ticks, LongestPause.Ticks));
        }
    }

    private void Forget()
    {
        lock (_gate) _waiting.Clear();
    }

    // Once all nodes have been down, the first loss among those that are back is to be heard of. Where it is not known which gateways there
    // are to call, some may lack a question for good.
    private TimeSpan LongestPause => _gateways is null ? Wait : Pause * 4;

    /// <summary>How many gateways have no question.</summary>
    private int Lacking()
    {
        lock (_gate) return _known is null ? 1 : Math.Max(0, Wanted(_known) - _waiting.Count);
    }

    private int Wanted(RunningNodes known) =>
        Math.Min(Math.Min(known.Gateways.Count, _gateways?.Count ?? MostQuestions), MostQuestions);

    /// <summary>Asks with keys that went, or may go, to gateways where no question waits, and has one wait with each that did.</summary>
    private Task TryKeysAsync(int lacking)
    {
        long[] keys;
        lock (_gate)
        {
            var before = _keys.Where(key => !_waiting.ContainsKey(key.Key)).ToArray();
            foreach (var (node, _) in before) _keys.Remove(node);
            keys = [.. before.Select(static key => key.Value)];
            // New keys go by one gateway after the other.
            if (keys.Length < lacking) keys = [.. keys, .. Enumerable.Range(0, _known is null ? 1 : Wanted(_known)).Select(_ => ++_lastKey)];
        }

        return Task.WhenAll(keys.Select(TryKeyAsync));
    }

    private async Task TryKeyAsync(long key)
    {
        try
        {
            var answer = await _grains.GetGrain<IClusterWatchGrain>(key).Watch(-1, maxWaitMs: 0)
                .WaitAsync(QuickPatience, _time, _ending).ConfigureAwait(false);
            Note(answer);
            var question = new object();
            lock (_gate)
            {
                // One that is not among them has yet to join, or is gone.
                if (_known?.GatewayNodes?.Contains(answer.AnsweredBy) != true || !_waiting.TryAdd(answer.AnsweredBy, question)) return;
                _keys[answer.AnsweredBy] = key;
            }

            _ = WaitForNewsAsync(key, answer.AnsweredBy, question); // logs what goes wrong
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            LogFailure(exception);
        }
    }

    private async Task WaitForNewsAsync(long key, int node, object question)
    {
        var asked = _time.GetTimestamp();
        var before = Volatile.Read(ref _known)!.Version;
        try
        {
            var answer = await _grains.GetGrain<IClusterWatchGrain>(key).Watch(before, (int)Wait.TotalMilliseconds)
                .WaitAsync(Patience, _time, _ending).ConfigureAwait(false);
            Note(answer);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            LogFailure(exception);
        }

        // A gateway that is about to stop answers at once, or not at all.
        if (Volatile.Read(ref _known)!.Version == before && _time.GetElapsedTime(asked) < Wait / 2)
            await Task.Delay(Pause, _time, _ending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_gate)
        {
            if (!_waiting.TryGetValue(node, out var current) || !ReferenceEquals(current, question)) return;
            _waiting.Remove(node);
        }

        _signal.Set();
    }

    private void Note(RunningNodes now)
    {
        string[] lost;
        lock (_gate)
        {
            if (_ending.IsCancellationRequested || (_known is { } known && now.Version <= known.Version)) return;
            lost = [.. (_known?.Silos ?? []).Except(now.Silos)];
            Volatile.Write(ref _known, now);
            // Where a question waits, its key is known.
            foreach (var gone in _keys.Keys.Except(now.GatewayNodes ?? []).ToArray())
            {
                _keys.Remove(gone);
                _waiting.Remove(gone);
            }

            _gateways?.Update(now.Gateways);
            _direct?.Update(now);
        }

        _signal.Set();
        if (lost.Length == 0) return;
        if (_log.IsEnabled(LogLevel.Information)) _log.LogInformation("Gone: {Silos}", string.Join(", ", lost));
        _connection.NotifyNodeLost();
    }

    private void LogFailure(Exception exception)
    {
        if (_log.IsEnabled(LogLevel.Debug)) _log.LogDebug(exception, "The cluster could not be asked which nodes run");
    }
}
