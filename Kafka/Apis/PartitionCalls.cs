using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// Calls the leaders of partitions that this silo leads. A client that asks the wrong silo is told so, as with Kafka, and looks up
/// the right one; a partition that nobody leads is led here by the call itself when it is this silo's to lead.
/// </summary>
internal static class PartitionCalls
{
    /// <summary>Calls a partition, and turns a failure into the code that Kafka has for it.</summary>
    public static async Task<Answer<T>> CallAsync<T>(
        RequestContext context, TopicPartition partition, Func<IPartitionGrain, Task<T>> call)
    {
        try
        {
            if (!context.Cluster.Leads(partition)) await RequireHereAsync(context, partition).ConfigureAwait(false);
            return new Answer<T>(ErrorCode.None, null, await call(context.Grains.GetPartition(partition)).ConfigureAwait(false));
        }
        catch (Exception e) when (Explain(e) is var (error, message))
        {
            return new Answer<T>(error, message, default);
        }
    }

    /// <summary>Refuses a partition that is another node's to lead.</summary>
    /// <exception cref="OrleansLogException">NotLeaderOrFollower, UnknownTopicOrPartition.</exception>
    public static async Task RequireHereAsync(RequestContext context, TopicPartition partition)
    {
        var leader = await context.Cluster.FindLeaderAsync(partition).ConfigureAwait(false);
        if (leader == context.Cluster.NodeId) return;
        throw new OrleansLogException(
            ErrorCode.NotLeaderOrFollower,
            leader < 0 ? $"No node that could lead {partition} runs." : $"{partition} is led by node {leader}.");
    }

    /// <summary>The code and the words for a failed call; null for a defect, which ends the connection.</summary>
    public static (ErrorCode Error, string Message)? Explain(Exception failure) => failure switch
    {
        // Those two Kafka's brokers say of themselves in Metadata only.
        OrleansLogException { Error: ErrorCode.LeaderNotAvailable or ErrorCode.NetworkException } e =>
            (ErrorCode.NotLeaderOrFollower, e.Message),
        OrleansLogException e => (e.Error, e.Message),
        TimeoutException e => (ErrorCode.RequestTimedOut, e.Message),
        OrleansMessageRejectionException or SiloUnavailableException => (ErrorCode.NotLeaderOrFollower, failure.Message),
        _ => null,
    };
}
