using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// ElectLeaders 0-2: has partitions led by their preferred replicas, the first of each list. Version 1 adds the kind of election
/// and an error for the whole, 2 is flexible. An unclean election (1) is refused: a topic that allows it
/// (<c>unclean.leader.election.enable</c>) has it without being asked.
/// </summary>
internal sealed class ElectLeadersApi() : KafkaApi(ApiKey.ElectLeaders, minVersion: 0, maxVersion: 2, flexibleFrom: 2)
{
    private const int Parallelism = 16;

    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var isUnclean = context.ApiVersion >= 1 && request.ReadInt8("election_type") != 0;
        var count = request.ReadNullableArrayLength("topic_partitions");
        var asked = count < 0 ? null : new List<(string Topic, int[] Partitions)>(count);
        for (var i = 0; i < count; i++)
        {
            asked!.Add((request.ReadString("topic"), request.ReadInt32Array("partitions")));
            request.SkipTaggedFields();
        }

        request.ReadInt32("timeout_ms");
        request.SkipTaggedFields();
        return AnswerAsync(context, asked, isUnclean);
    }

    private static async Task AnswerAsync(RequestContext context, List<(string Topic, int[] Partitions)>? asked, bool isUnclean)
    {
        var index = await context.Cluster.GetTopicsAsync().ConfigureAwait(false);
        var all = asked ?? [.. index.Topics.Select(static topic => (topic.Name, Enumerable.Range(0, topic.PartitionCount).ToArray()))];
        var results = new List<(string Topic, IReadOnlyList<Result> Results)>();
        foreach (var (topic, partitions) in all)
        {
            var done = await ElectAsync(context, index.Find(topic), topic, partitions, isUnclean).ConfigureAwait(false);
            // Of all partitions, only those are told of that there was something to do for.
            results.Add((topic, asked is null ? [.. done.Where(static result => result.Error != ErrorCode.ElectionNotNeeded)] : done));
        }

        Write(context, results);
    }

    private static async Task<IReadOnlyList<Result>> ElectAsync(
        RequestContext context, TopicListing? topic, string name, int[] partitions, bool isUnclean)
    {
        if (topic is null)
            return [.. partitions.Select(partition => new Result(partition, ErrorCode.UnknownTopicOrPartition, $"There is no topic '{name}'."))];
        var states = await context.Cluster.DescribePartitionsAsync(topic, lead: false).ConfigureAwait(false);
        var results = new Result[partitions.Length];
        await Parallel.ForAsync(
            0,
            partitions.Length,
            new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = context.Aborted },
            async (i, _) => results[i] = await ElectAsync(context, name, partitions[i], states, isUnclean).ConfigureAwait(false))
            .ConfigureAwait(false);
        return results;
    }

    private static async Task<Result> ElectAsync(
        RequestContext context, string topic, int partition, IReadOnlyList<PartitionLeadership> states, bool isUnclean)
    {
        if (partition < 0 || partition >= states.Count)
            return new Result(partition, ErrorCode.UnknownTopicOrPartition, $"There is no partition {topic}-{partition}.");
        if (isUnclean)
            return new Result(partition, ErrorCode.InvalidRequest, "Unclean elections are not made by request; see unclean.leader.election.enable.");
        var state = states[partition];
        var preferred = state.Replicas[0];
        if (state.Leader == preferred) return new Result(partition, ErrorCode.ElectionNotNeeded, "The preferred replica leads it.");
        var notAvailable = new Result(partition, ErrorCode.PreferredLeaderNotAvailable, $"Node {preferred} does not run or is not in sync.");
        if (state.OfflineReplicas.Contains(preferred) || !state.InSyncReplicas.Contains(preferred)) return notAvailable;
        var answer = await AdminCalls.TryAsync(
            () => HandOverAsync(context.Grains.GetPartition(new TopicPartition(topic, partition)), preferred)).ConfigureAwait(false);
        if (answer.Error != ErrorCode.None) return new Result(partition, answer.Error, answer.Message);
        return answer.Value == preferred ? new Result(partition, ErrorCode.None, null) : notAvailable;
    }

    private static async Task<int> HandOverAsync(IPartitionGrain partition, int preferred)
    {
        // One that nobody leads at the moment has to be led first: only a leader hands over.
        if (await partition.Lead().ConfigureAwait(false) == preferred) return preferred;
        var leader = await partition.HandOver(preferred).ConfigureAwait(false);
        // It takes office now and tells the other silos, rather than with the first request that finds it.
        return leader == preferred ? await partition.Lead().ConfigureAwait(false) : leader;
    }

    private static void Write(RequestContext context, List<(string Topic, IReadOnlyList<Result> Results)> topics)
    {
        var response = context.Response;
        response.WriteInt32(0); // throttle_time_ms
        if (context.ApiVersion >= 1) response.WriteError(ErrorCode.None);
        response.WriteArrayLength(topics.Count(static topic => topic.Results.Count > 0));
        foreach (var (topic, results) in topics)
        {
            if (results.Count == 0) continue;
            response.WriteString(topic);
            response.WriteArrayLength(results.Count);
            foreach (var result in results)
            {
                response.WriteInt32(result.Partition);
                response.WriteError(result.Error);
                response.WriteString(result.Message);
                response.WriteTaggedFields();
            }

            response.WriteTaggedFields();
        }

        response.WriteTaggedFields();
    }

    private sealed record Result(int Partition, ErrorCode Error, string? Message);
}
