using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// Calls of a group's coordinator. A silo answers for the groups that it coordinates itself and sends clients elsewhere for
/// others, as they steer by that; it could forward the call, but then every one of them would take that way for ever.
/// </summary>
internal static class GroupCalls
{
    /// <summary>Calls the coordinator.</summary>
    /// <returns>Its answer, or the error that a Kafka client is to be told and a message that says why.</returns>
    public static async Task<(T? Response, ErrorCode Error, string? Message)> CallAsync<T>(
        RequestContext context, string groupId, Func<IConsumerGroupGrain, Task<T>> call)
    {
        if (string.IsNullOrWhiteSpace(groupId)) return (default, ErrorCode.InvalidGroupId, "The group id is empty.");
        try
        {
            var node = await context.Cluster.FindCoordinatorAsync(groupId).WaitAsync(context.Aborted).ConfigureAwait(false);
            if (node != context.Cluster.NodeId)
                return (default, ErrorCode.NotCoordinator, $"Group '{groupId}' is coordinated by node {node}.");
            var response = await call(context.Grains.GetConsumerGroup(groupId)).WaitAsync(context.Aborted).ConfigureAwait(false);
            return (response, ErrorCode.None, null);
        }
        catch (OrleansLogException e)
        {
            return (default, Translate(e.Error), e.Message);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            return (default, ErrorCode.CoordinatorNotAvailable, e.Message);
        }
    }

    /// <summary>Like <see cref="CallAsync{T}"/>, of a call that answers nothing.</summary>
    public static async Task<ErrorCode> CallAsync(RequestContext context, string groupId, Func<IConsumerGroupGrain, Task> call)
    {
        var (_, error, _) = await CallAsync(
            context,
            groupId,
            async group =>
            {
                await call(group).ConfigureAwait(false);
                return true;
            }).ConfigureAwait(false);
        return error;
    }

    /// <summary>What goes wrong with the topic that groups are kept in means, to a member, that the coordinator cannot do its
    /// work: Kafka's table.</summary>
    public static ErrorCode Translate(ErrorCode error) => error switch
    {
        ErrorCode.NotLeaderOrFollower or ErrorCode.KafkaStorageError or ErrorCode.FencedLeaderEpoch => ErrorCode.NotCoordinator,
        ErrorCode.UnknownTopicOrPartition or ErrorCode.NotEnoughReplicas or ErrorCode.NotEnoughReplicasAfterAppend
            or ErrorCode.RequestTimedOut or ErrorCode.LeaderNotAvailable or ErrorCode.NetworkException
            or ErrorCode.InvalidReplicationFactor => ErrorCode.CoordinatorNotAvailable,
        ErrorCode.RecordTooLarge or ErrorCode.RecordListTooLarge => ErrorCode.UnknownServerError,
        _ => error,
    };
}
