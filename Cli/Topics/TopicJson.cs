using System.Text.Json;
using OrleansLog.Cli.Rendering;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Cli.Topics;

/// <summary>Topics as JSON.</summary>
internal static class TopicJson
{
    /// <summary>A topic with its configuration, and with the state of its partitions where that is known.</summary>
    public static void Write(Utf8JsonWriter json, TopicDescription topic, IReadOnlyList<PartitionDescription>? partitions = null)
    {
        json.WriteStartObject();
        json.WriteString("name", topic.Name);
        json.WriteString("id", topic.Id);
        json.WriteBoolean("internal", topic.IsInternal);
        if (partitions is null)
        {
            json.WriteObjects("partitions", topic.Partitions, partition =>
            {
                json.WriteNumber("partition", partition.Partition);
                json.WriteNumbers("replicas", partition.Replicas);
            });
        }
        else
        {
            json.WriteObjects("partitions", partitions, partition => WritePartition(json, partition));
        }

        json.WriteMap("overrides", topic.Overrides.OrderBy(static pair => pair.Key, StringComparer.Ordinal));
        json.WriteMap("configs", topic.Configs.OrderBy(static pair => pair.Key, StringComparer.Ordinal));
        json.WriteEndObject();
    }

    private static void WritePartition(Utf8JsonWriter json, PartitionDescription partition)
    {
        json.WriteNumber("partition", partition.Partition.Partition);
        json.WriteNumber("leader", partition.Leader);
        json.WriteNumber("leaderEpoch", partition.LeaderEpoch);
        json.WriteNumbers("replicas", partition.Replicas);
        json.WriteNumbers("inSyncReplicas", partition.InSyncReplicas);
        json.WriteNumbers("eligibleReplicas", partition.EligibleReplicas ?? []);
        json.WriteNumber("logStartOffset", partition.LogStartOffset);
        json.WriteNumber("highWatermark", partition.HighWatermark);
        json.WriteNumber("logEndOffset", partition.LogEndOffset);
        json.WriteNumber("sizeBytes", partition.SizeBytes);
    }
}
