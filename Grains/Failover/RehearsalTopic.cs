using System.Globalization;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Grains.Failover;

/// <summary>
/// The topics of <see cref="TakeoverRehearsal"/>: of one partition and two replicas, in no list and with no grain. All there is to know of
/// one follows from its name, which no other topic can have, so that the nodes that it names agree on it without asking.
/// </summary>
internal static class RehearsalTopic
{
    // The first letter is not allowed in the name of a topic.
    private const string Prefix = "~takeover-rehearsal-";

    /// <summary>The partition that a node rehearses with, and another as the second replica.</summary>
    public static TopicPartition PartitionFor(int leader, int follower) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{Prefix}{leader}-{follower}"), 0);

    /// <summary>Whether a topic is one of these.</summary>
    public static bool Is(string topic) => topic.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>Produces a record and fetches what there is; answers the epoch of the leader.</summary>
    public static async Task<int> UseAsync(IPartitionGrain leader)
    {
        using var batch = new RecordBatchBuilder(1024);
        batch.TryAppend(timestampMs: 0, default, hasKey: false, "rehearsal"u8, hasValue: true);
        var produced = await leader.Produce(new ProduceRequest(RecordBytes.Borrow(batch.Build().ToArray()), -1, 1_000));
        (await leader.Fetch(new FetchRequest(0, 1024))).Records.Dispose();
        return produced.LeaderEpoch;
    }

    /// <summary>The topic of that name; null when it is none of these.</summary>
    public static TopicDescription? Find(string topic)
    {
        if (!Is(topic) || topic[Prefix.Length..].Split('-') is not [var first, var second]
            || !int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var leader)
            || !int.TryParse(second, NumberStyles.None, CultureInfo.InvariantCulture, out var follower))
            return null;
        var nothing = new Dictionary<string, string>();
        return new TopicDescription(
            topic, new Guid(leader, 0, 0, BitConverter.GetBytes((long)follower)), IsInternal: false,
            [new PartitionAssignment(0, [leader, follower])], nothing, nothing);
    }
}
