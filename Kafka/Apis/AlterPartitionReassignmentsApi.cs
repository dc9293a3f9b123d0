using System.Collections.Concurrent;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// AlterPartitionReassignments 0-1: moves the replicas of partitions to other nodes, or gives up what runs (null). Version 1 lets the
/// client forbid that a partition gets more or fewer replicas than it has.
/// <para>The timeout is not looked at: the answer comes when it is stored where the replicas are to be, and the moves go on by
/// themselves. A node that is to get a replica has to run, where Kafka only wants to know it.</para>
/// </summary>
internal sealed class AlterPartitionReassignmentsApi()
    : KafkaApi(ApiKey.AlterPartitionReassignments, minVersion: 0, maxVersion: 1, flexibleFrom: 0)
{
    private const int Parallelism = 16;

    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        request.ReadInt32("timeout_ms");
        var mayResize = context.ApiVersion < 1 || request.ReadBoolean("allow_replication_factor_change");
        var parts = TopicParts.Read(ref request, static (ref KafkaReader reader, string topic) => new Part(
            new TopicPartition(topic, reader.ReadInt32("partition_index")), reader.ReadNullableInt32Array("replicas")));
        request.SkipTaggedFields();
        return AnswerAsync(context, parts, mayResize);
    }

    private static async Task AnswerAsync(RequestContext context, List<(int Topic, Part Part)> parts, bool mayResize)
    {
        var outcomes = await ReassignAsync(context, parts, mayResize).ConfigureAwait(false);
        var response = context.Response;
        response.WriteInt32(0); // throttle_time_ms
        if (context.ApiVersion >= 1) response.WriteBoolean(mayResize);
        response.WriteError(ErrorCode.None);
        response.WriteString(null);
        await TopicParts.AnswerAsync(
            context,
            parts,
            static part => part.Partition,
            part => Task.FromResult(outcomes[part.Partition]),
            static (writer, part, outcome) =>
            {
                writer.WriteInt32(part.Partition.Partition);
                writer.WriteError(outcome.Error);
                writer.WriteString(outcome.Message);
            }).ConfigureAwait(false);
        response.WriteTaggedFields();
    }

    private static async Task<IReadOnlyDictionary<TopicPartition, ReassignmentOutcome>> ReassignAsync(
        RequestContext context, List<(int Topic, Part Part)> parts, bool mayResize)
    {
        // Of two wishes for a partition the later one holds, as if they had come one after the other.
        var wishes = new Dictionary<string, Dictionary<int, IReadOnlyList<int>?>>(StringComparer.Ordinal);
        foreach (var (_, part) in parts)
        {
            if (!wishes.TryGetValue(part.Partition.Topic, out var ofTopic)) wishes.Add(part.Partition.Topic, ofTopic = []);
            ofTopic[part.Partition.Partition] = part.Replicas;
        }

        var index = await context.Cluster.GetTopicsAsync().ConfigureAwait(false);
        var outcomes = new ConcurrentDictionary<TopicPartition, ReassignmentOutcome>();
        await Parallel.ForEachAsync(
            wishes,
            new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = context.Aborted },
            async (topic, _) =>
            {
                var done = index.Find(topic.Key) is null
                    ? Refuse(topic.Value.Keys, ErrorCode.UnknownTopicOrPartition, $"There is no topic '{topic.Key}'.")
                    : await ReassignAsync(context.Grains.GetTopic(topic.Key), topic.Value, mayResize).ConfigureAwait(false);
                foreach (var outcome in done) outcomes[new TopicPartition(topic.Key, outcome.Partition)] = outcome;
            }).ConfigureAwait(false);
        return outcomes;
    }

    private static async Task<IReadOnlyList<ReassignmentOutcome>> ReassignAsync(
        ITopicGrain topic, Dictionary<int, IReadOnlyList<int>?> wishes, bool mayResize)
    {
        var answer = await AdminCalls.TryAsync(async () =>
        {
            if (mayResize) return await topic.Reassign(wishes).ConfigureAwait(false);
            var refused = await FindResizedAsync(topic, wishes).ConfigureAwait(false);
            var rest = wishes.ExceptBy(refused.Select(static each => each.Partition), static each => each.Key).ToDictionary();
            return [.. refused, .. await topic.Reassign(rest).ConfigureAwait(false)];
        }).ConfigureAwait(false);
        return answer.Value ?? Refuse(wishes.Keys, answer.Error, answer.Message);
    }

    /// <summary>The partitions that would get another number of replicas than they have, or are about to have.</summary>
    private static async Task<List<ReassignmentOutcome>> FindResizedAsync(ITopicGrain topic, Dictionary<int, IReadOnlyList<int>?> wishes)
    {
        var going = (await topic.ListReassignments().ConfigureAwait(false))
            .ToDictionary(static each => each.Partition.Partition, static each => each.Removing);
        var resized = new List<ReassignmentOutcome>();
        foreach (var (partition, replicas) in (await topic.Describe().ConfigureAwait(false)).Partitions)
        {
            // An empty list is no number of replicas but a mistake, which the topic explains.
            if (wishes.GetValueOrDefault(partition) is not { Count: > 0 } wanted) continue;
            var count = going.TryGetValue(partition, out var removing) ? replicas.Except(removing).Count() : replicas.Count;
            if (wanted.Count == count) continue;
            resized.Add(new ReassignmentOutcome(
                partition, ErrorCode.InvalidReplicationFactor, $"The partition has {count} replicas and would have {wanted.Count}."));
        }

        return resized;
    }

    private static IReadOnlyList<ReassignmentOutcome> Refuse(IEnumerable<int> partitions, ErrorCode error, string? message) =>
        [.. partitions.Select(partition => new ReassignmentOutcome(partition, error, message))];

    private sealed record Part(TopicPartition Partition, int[]? Replicas);
}
