using System.Collections.Concurrent;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// ListGroups 0-5: the groups that this silo coordinates; a client asks every broker. Version 1 adds the throttle time, 3 is flexible,
/// 4 adds states and a filter by them, 5 kinds and a filter by them. Groups are asked one by one, so a list of very many takes its
/// time: those that nobody has used lately have to be loaded.
/// </summary>
internal sealed class ListGroupsApi() : KafkaApi(ApiKey.ListGroups, minVersion: 0, maxVersion: 5, flexibleFrom: 3)
{
    private const int Parallelism = 16;

    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var states = context.ApiVersion >= 4 ? request.ReadStringArray("states_filter") : [];
        var kinds = context.ApiVersion >= 5 ? request.ReadStringArray("types_filter") : [];
        request.SkipTaggedFields();
        return AnswerAsync(context, states, kinds);
    }

    private static async Task AnswerAsync(RequestContext context, string[] states, string[] kinds)
    {
        var (groups, error) = await ListAsync(context).ConfigureAwait(false);
        var wanted = groups
            .Where(group => states.Length == 0 || states.Contains(group.State, StringComparer.OrdinalIgnoreCase))
            .Where(group => kinds.Length == 0 || kinds.Contains(GroupKinds.KindOf(group), StringComparer.OrdinalIgnoreCase))
            .OrderBy(group => group.GroupId, StringComparer.Ordinal)
            .ToList();
        var (response, version) = (context.Response, context.ApiVersion);
        if (version >= 1) response.WriteInt32(0); // throttle_time_ms
        response.WriteError(error);
        response.WriteArrayLength(wanted.Count);
        foreach (var group in wanted)
        {
            response.WriteString(group.GroupId);
            response.WriteString(GroupKinds.ProtocolTypeOf(group));
            if (version >= 4) response.WriteString(group.State);
            if (version >= 5) response.WriteString(GroupKinds.KindOf(group));
            response.WriteTaggedFields();
        }

        response.WriteTaggedFields();
    }

    private static async Task<(IReadOnlyCollection<GroupDescription> Groups, ErrorCode Error)> ListAsync(RequestContext context)
    {
        var found = new ConcurrentBag<GroupDescription>();
        var failed = ErrorCode.None;
        try
        {
            var all = await context.Grains.GetCatalog().ListGroups().WaitAsync(context.Aborted).ConfigureAwait(false);
            await Parallel.ForEachAsync(
                all,
                new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = context.Aborted },
                async (groupId, _) =>
                {
                    var (group, error, _) = await GroupCalls.CallAsync(context, groupId, static grain => grain.Describe()).ConfigureAwait(false);
                    if (group is { State: not GroupKinds.Dead }) found.Add(group);
                    else if (error is ErrorCode.CoordinatorLoadInProgress or ErrorCode.CoordinatorNotAvailable) failed = error;
                }).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OrleansLogException or OrleansException or TimeoutException)
        {
            failed = ErrorCode.CoordinatorNotAvailable;
        }

        return (found, failed);
    }
}
