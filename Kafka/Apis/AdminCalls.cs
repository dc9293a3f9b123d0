using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>Calls of the catalog and of topics, which any silo makes.</summary>
internal static class AdminCalls
{
    /// <summary>Makes a call, and turns a failure into the code that Kafka has for it.</summary>
    public static async Task<Answer<T>> TryAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return new Answer<T>(ErrorCode.None, null, await call().ConfigureAwait(false));
        }
        catch (OrleansLogException e)
        {
            // What has no leader here is not a partition that the client could look up.
            return new Answer<T>(e.Error, e.Message, default);
        }
        catch (Exception e) when (PartitionCalls.Explain(e) is var (_, message))
        {
            return new Answer<T>(ErrorCode.RequestTimedOut, message, default);
        }
    }

    /// <summary>The topic's description.</summary>
    public static Task<TopicDescription> DescribeAsync(RequestContext context, string topic) =>
        TopicCreation.IsValidName(topic)
            ? context.Grains.GetTopic(topic).Describe()
            : throw new OrleansLogException(ErrorCode.InvalidTopic, $"'{topic}' is no name for a topic.");
}
