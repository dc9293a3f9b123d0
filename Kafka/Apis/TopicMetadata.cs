using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>A topic as a client that asked for it is told.</summary>
/// <param name="Error">Why there is nothing to tell; None otherwise.</param>
/// <param name="Name">Its name; null when it was asked for by an id that no topic has.</param>
/// <param name="Id">Its id; empty when not known.</param>
/// <param name="Listing">The topic; null with an error.</param>
internal sealed record TopicMetadata(ErrorCode Error, string? Name, Guid Id, TopicListing? Listing = null)
{
    private const int Parallelism = 16;

    /// <summary>Its partitions.</summary>
    public IReadOnlyList<PartitionLeadership> Partitions { get; private init; } = [];

    /// <summary>Fills the partitions in.</summary>
    /// <param name="context">The request.</param>
    /// <param name="topics">The topics.</param>
    /// <param name="lead">Whether to have partitions led that nobody has ever led.</param>
    public static async Task<IReadOnlyList<TopicMetadata>> DescribeAsync(
        RequestContext context, IReadOnlyList<TopicMetadata> topics, bool lead)
    {
        var described = new TopicMetadata[topics.Count];
        await Parallel.ForAsync(
            0,
            topics.Count,
            new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = context.Aborted },
            async (i, _) => described[i] = await DescribeAsync(context, topics[i], lead).ConfigureAwait(false)).ConfigureAwait(false);
        return described;
    }

    /// <summary>The error that a partition is told with.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="brokers">Those that clients are told of.</param>
    /// <param name="isOld">Whether the client does not know ListenerNotFound.</param>
    public static ErrorCode ErrorOf(PartitionLeadership partition, IReadOnlyList<KafkaBroker> brokers, bool isOld)
    {
        if (partition.Leader < 0) return ErrorCode.LeaderNotAvailable;
        foreach (var broker in brokers)
        {
            if (broker.NodeId == partition.Leader) return ErrorCode.None;
        }

        return isOld ? ErrorCode.LeaderNotAvailable : ErrorCode.ListenerNotFound;
    }

    private static async Task<TopicMetadata> DescribeAsync(RequestContext context, TopicMetadata topic, bool lead)
    {
        if (topic.Listing is not { } listing) return topic;
        try
        {
            return topic with { Partitions = await context.Cluster.DescribePartitionsAsync(listing, lead).ConfigureAwait(false) };
        }
        catch (OrleansLogException e)
        {
            return topic with { Error = e.Error, Listing = null };
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            // The silo that was asked has just died; the client asks again.
            return topic with { Error = ErrorCode.LeaderNotAvailable, Listing = null };
        }
    }
}
