using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Interfaces.Transport;
using OrleansLog.Grains.Placement;

namespace OrleansLog.Grains.Failover;

/// <summary>
/// Has a crashed silo declared dead within tens of milliseconds. A process that ends takes its connections along, and its host
/// refuses new ones: that is looked at again a few times, other nodes are asked whether they see the same, and only if all agree
/// is the silo declared dead. A silo's address names the one start of its process, so that one whose port is refused cannot come
/// back; silence, a timeout or an unreachable host say nothing here and are left to Orleans' probes. Thread-safe.
/// </summary>
internal sealed partial class CrashDetector(
    IClusterMembershipService membership,
    ILocalSiloDetails localSilo,
    NodeDirectory nodes,
    IServiceProvider services,
    TimeProvider time,
    ILogger<CrashDetector> logger) : IConnectionWatcher, ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private const int Looks = 2;
    private const int Rounds = 3;
    private const int MaxAsked = 2;
    private static readonly TimeSpan LookPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan RoundPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan ProbePatience = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan AskPatience = TimeSpan.FromMilliseconds(400);

    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<SiloAddress, Task> _looking = new();
    private bool _isActive;

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(CrashDetector),
        ServiceLifecycleStage.Active,
        _ =>
        {
            Volatile.Write(ref _isActive, true);
            return Task.CompletedTask;
        },
        async _ =>
        {
            await _stopping.CancelAsync();
            await Task.WhenAll(_looking.Values);
        });

    /// <inheritdoc/>
    public void Dispose() => _stopping.Dispose();

    /// <inheritdoc/>
    public void NoteTrouble(EndPoint endpoint)
    {
        if (!Volatile.Read(ref _isActive) || _stopping.IsCancellationRequested || FindSilo(endpoint) is not { } silo) return;
        // One look at a silo at a time; it is taken out when it has ended.
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!_looking.TryAdd(silo, started.Task)) return;
        _ = Task.Run(async () =>
        {
            try
            {
                await LookAsync(silo);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                if (!_stopping.IsCancellationRequested) LogFailed(e, silo);
            }
            finally
            {
                _looking.TryRemove(silo, out _);
                started.SetResult();
            }
        });
    }

    private async Task LookAsync(SiloAddress silo)
    {
        var began = time.GetTimestamp();
        for (var round = 0; round < Rounds; round++)
        {
            if (round > 0) await Task.Delay(RoundPause, time, _stopping.Token);
            if (!IsMember(silo)) return;
            var asked = AskOthersAsync(silo);
            var isRefused = await IsRefusedAsync(silo);
            var agreed = await asked;
            if (!isRefused) return;
            if (agreed == Agreement.Denied) return;
            if (agreed == Agreement.Open) continue;
            LogCrashed(silo, (long)time.GetElapsedTime(began).TotalMilliseconds);
            if (!await membership.TryKill(silo)) continue;
            LogDeclared(silo, (long)time.GetElapsedTime(began).TotalMilliseconds);
            return;
        }
    }

    private async Task<bool> IsRefusedAsync(SiloAddress silo)
    {
        for (var look = 0; look < Looks; look++)
        {
            if (look > 0) await Task.Delay(LookPause, time, _stopping.Token);
            if (await PortProbe.TryAsync(silo.Endpoint, ProbePatience, _stopping.Token) != ProbeResult.Refused) return false;
        }

        return true;
    }

    private async Task<Agreement> AskOthersAsync(SiloAddress silo)
    {
        var others = nodes.Current.Nodes
            .Where(node => node.IsActive && node.NodeId != nodes.OwnId && !node.Silo.Equals(silo)).Take(MaxAsked);
        var answers = await Task.WhenAll(others.Select(other => AskAsync(other, silo)));
        if (answers.Contains(Agreement.Denied)) return Agreement.Denied;
        return answers.Contains(Agreement.Open) ? Agreement.Open : Agreement.Reached;
    }

    private async Task<Agreement> AskAsync(ClusterNode other, SiloAddress silo)
    {
        try
        {
            var grains = (IGrainFactory)services.GetService(typeof(IGrainFactory))!;
            var reaches = await grains.GetNode(other.NodeId).CanReach(silo.Endpoint.Address.ToString(), silo.Endpoint.Port)
                .WaitAsync(AskPatience, time, _stopping.Token);
            return reaches ? Agreement.Denied : Agreement.Reached;
        }
        catch (Exception e) when (!_stopping.IsCancellationRequested && e is not OutOfMemoryException)
        {
            // One that crashed as well has no say; one that is merely silent has.
            var itself = await PortProbe.TryAsync(other.Silo.Endpoint, ProbePatience, _stopping.Token);
            return itself == ProbeResult.Refused ? Agreement.Reached : Agreement.Open;
        }
    }

    // One that stops closes its port by itself, and says that it stops.
    private bool IsMember(SiloAddress silo) =>
        membership.CurrentSnapshot.GetSiloStatus(silo) is SiloStatus.Active or SiloStatus.Joining;

    private SiloAddress? FindSilo(EndPoint endpoint) => membership.CurrentSnapshot.Members.Values
        .Where(member => member.SiloAddress.Endpoint.Equals(endpoint) && IsMember(member.SiloAddress))
        .Select(member => member.SiloAddress)
        .Where(silo => !silo.Equals(localSilo.SiloAddress))
        .OrderByDescending(silo => silo.Generation)
        .FirstOrDefault();

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Silo} refuses connections, as others see it too; it crashed. Noticed within {Elapsed} ms.")]
    private partial void LogCrashed(SiloAddress silo, long elapsed);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Silo} was declared dead after {Elapsed} ms.")]
    private partial void LogDeclared(SiloAddress silo, long elapsed);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Whether {Silo} crashed could not be found out.")]
    private partial void LogFailed(Exception exception, SiloAddress silo);

    private enum Agreement
    {
        /// <summary>The others see it too, as far as there are any.</summary>
        Reached,

        /// <summary>Somebody reaches the silo.</summary>
        Denied,

        /// <summary>Somebody has not said.</summary>
        Open,
    }
}
