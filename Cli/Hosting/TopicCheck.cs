using System.Globalization;
using OrleansLog.Client;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Cli.Hosting;

/// <summary>Looks at a topic before records are sent to it or read from it, so that a slip is told at once.</summary>
internal static class TopicCheck
{
    /// <summary>The topic, which must exist and have the partition.</summary>
    /// <exception cref="OrleansLogException">UnknownTopicOrPartition, with what to do.</exception>
    public static async Task<TopicDescription> RequireAsync(
        AdminClient admin, string topic, int? partition, CancellationToken cancellationToken)
    {
        TopicDescription found;
        try
        {
            found = await admin.DescribeTopicAsync(topic, cancellationToken).ConfigureAwait(false);
        }
        catch (OrleansLogException exception) when (exception.Error == ErrorCode.UnknownTopicOrPartition)
        {
            var near = await NearestAsync(admin, topic, cancellationToken).ConfigureAwait(false);
            throw new OrleansLogException(
                exception.Error,
                $"There is no topic '{topic}'." +
                (near is null ? $" Create it with `orleanslog topic create {topic}`." : $" Did you mean '{near}'?"),
                exception);
        }

        return partition is { } wanted && wanted >= found.Partitions.Count
            ? throw new OrleansLogException(ErrorCode.UnknownTopicOrPartition, string.Create(
                CultureInfo.InvariantCulture,
                $"Topic '{topic}' has partitions 0 to {found.Partitions.Count - 1}; there is no partition {wanted}."))
            : found;
    }

    private static async Task<string?> NearestAsync(AdminClient admin, string topic, CancellationToken cancellationToken)
    {
        var topics = await admin.ListTopicsAsync(cancellationToken).ConfigureAwait(false);
        return topics
            .Where(static listing => !listing.IsInternal)
            .Select(listing => (listing.Name, Distance: EditDistance.Between(topic, listing.Name)))
            .Where(candidate => candidate.Distance <= Math.Max(1, topic.Length / 4))
            .OrderBy(static candidate => candidate.Distance)
            .Select(static candidate => candidate.Name)
            .FirstOrDefault();
    }
}
