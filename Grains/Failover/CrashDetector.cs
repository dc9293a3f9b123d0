using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Interfaces.Transport;
using OrleansLog.Grains.Placement;

namespace OrleansLog.Grains.Failover;

/// <summary>
/// Has a crashed silo declared dead within tens of milliseconds. A process that ends takes its connections along, and its host
/// refuses new ones: see <see cref="CrashInquiry"/>. A silo's address names the one start of its process, so that one whose port
/// is refused cannot come back; silence, a timeout or an unreachable host say nothing here and are left to Orleans' probes.
/// Thread-safe.
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
    private const int MaxAsked = 2;
    private static readonly TimeSpan LookPause = TimeSpan.FromMilliseconds(10);
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
        var isTold = false;
        var inquiry = new CrashInquiry(() => IsMember(silo), () => IsRefusedAsync(silo), () => AskOthersAsync(silo), time);
        var isDeclared = await inquiry.RunAsync(
            async () =>
            {
                if (!isTold) LogCrashed(silo, (long)time.GetElapsedTime(began).TotalMilliseconds);
                isTold = true;
                return await membership.TryKill(silo);
            },
            _stopping.Token);
        if (isDeclared) LogDeclared(silo, (long)time.GetElapsedTime(began).TotalMilliseconds);
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

    // Whether the others see it too, as far as there are any; one who has not said does not.
    private async Task<bool> AskOthersAsync(SiloAddress silo)
    {
        var others = nodes.Current.Nodes
            .Where(node => node.IsActive && node.NodeId != nodes.OwnId && !node.Silo.Equals(silo)).Take(MaxAsked);
        return !(await Task.WhenAll(others.Select(other => AskAsync(other, silo)))).Contains(false);
    }

    private async Task<bool> AskAsync(ClusterNode other, SiloAddress silo)
    {
        try
        {
            var grains = (IGrainFactory)services.GetService(typeof(IGrainFactory))!;
            return !await grains.GetNode(other.NodeId).CanReach(silo.Endpoint.Address.ToString(), silo.Endpoint.Port)
                .WaitAsync(AskPatience, time, _stopping.Token);
        }
        catch (Exception e) when (!_stopping.IsCancellationRequested && e is not OutOfMemoryException)
        {
            // One that crashed as well has no say; one that is merely silent has.
            return await PortProbe.TryAsync(other.Silo.Endpoint, ProbePatience, _stopping.Token) == ProbeResult.Refused;
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
}
