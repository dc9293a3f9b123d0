using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Grains.Groups;

/// <content>The calls of the classic protocol. Joins and syncs wait for other members' calls, which interleave; whoever waits is
/// told when the group is given up.</content>
internal sealed partial class ConsumerGroupGrain
{
    /// <inheritdoc/>
    public async Task<ClassicJoinResponse> JoinClassic(ClassicJoinRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var open = await OpenAsync();
        var result = open.Decide(coordinator => coordinator.Join(request.ToEngine()));
        SetTimer(open);
        return (await open.AnswerAsync(result)).ToMessage();
    }

    /// <inheritdoc/>
    public async Task<ClassicSyncResponse> SyncClassic(ClassicSyncRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var open = await OpenAsync();
        var result = open.Decide(coordinator => coordinator.Sync(request.ToEngine()));
        SetTimer(open);
        return (await open.AnswerAsync(result)).ToMessage();
    }

    /// <inheritdoc/>
    public async Task<ErrorCode> HeartbeatClassic(string memberId, string? instanceId, int generation)
    {
        var open = await OpenAsync();
        open.Log.CheckReady();
        var error = open.Coordinator.Heartbeat(memberId, instanceId, generation);
        await open.Log.AppendAsync([]); // what is told is durable
        return error;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ErrorCode>> LeaveClassic(IReadOnlyList<ClassicLeavingMember> members)
    {
        ArgumentNullException.ThrowIfNull(members);
        var open = await OpenAsync();
        var result = open.Decide(coordinator => coordinator.Leave(members.ToEngine()));
        SetTimer(open);
        return await open.AnswerAsync(result);
    }
}
