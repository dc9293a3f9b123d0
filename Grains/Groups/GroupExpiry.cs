using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansLog.Engine.Groups;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Grains.Groups;

/// <summary>
/// Wakes groups that nobody asks for, now and then and a bounded number at a time, so that their offsets expire: a group looks
/// at its offsets when it is loaded and when it is described. One loop for the silo; a group by itself keeps no timer.
/// </summary>
internal sealed partial class GroupExpiry(
    IGrainFactory grains, IOptions<GroupOptions> options, TimeProvider time, ILogger<GroupExpiry> logger)
    : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private const int MaxGroupsPerRound = 1000;
    private readonly PeriodicWork _work = new(time);
    private string _last = "";

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(GroupExpiry),
        ServiceLifecycleStage.Active,
        _ => _work.StartAsync(options.Value.ExpiryCheckInterval, CheckAsync, LogFailed),
        _ => _work.StopAsync());

    /// <inheritdoc/>
    public void Dispose() => _work.Dispose();

    /// <summary>Makes one round: it goes on where the last one ended.</summary>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        var groups = await grains.GetCatalog().ListGroups();
        var next = groups.Where(group => string.CompareOrdinal(group, _last) > 0).Take(MaxGroupsPerRound).ToList();
        foreach (var group in next)
        {
            cancellationToken.ThrowIfCancellationRequested();
            _last = group;
            await WakeAsync(group);
        }

        if (next.Count < MaxGroupsPerRound) _last = "";
    }

    private async Task WakeAsync(string group)
    {
        try
        {
            var grain = grains.GetConsumerGroup(group);
            // One that is listed though there is no such group any more: deleting it takes it off the list.
            if ((await grain.Describe()).State == nameof(GroupState.Dead)) await grain.Delete();
        }
        catch (OrleansLogException e) when (e.Error == ErrorCode.GroupIdNotFound)
        {
            // As it should be.
        }
        catch (OrleansLogException e)
        {
            LogNotChecked(group, e.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The offsets of group '{GroupId}' could not be looked at: {Reason}")]
    private partial void LogNotChecked(string groupId, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The look for expired offsets failed; the next one is in its turn.")]
    private partial void LogFailed(Exception exception);
}
