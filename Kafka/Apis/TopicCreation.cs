using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>Makes topics because a client asks for their metadata (<c>auto.create.topics.enable</c>).</summary>
internal static class TopicCreation
{
    private const int MaxNameLength = 249;
    private const string OffsetsTopic = "__consumer_offsets";

    /// <summary>The topic that was made, or why it was not.</summary>
    public static async Task<TopicMetadata> TryCreateAsync(RequestContext context, string name, bool mayCreate)
    {
        if (!IsValidName(name)) return new TopicMetadata(ErrorCode.InvalidTopic, name, Guid.Empty);
        if (!mayCreate || !context.Options.AutoCreateTopics)
            return new TopicMetadata(ErrorCode.UnknownTopicOrPartition, name, Guid.Empty);
        try
        {
            await CreateAsync(context, name).ConfigureAwait(false);
        }
        catch (OrleansLogException e) when (e.Error == ErrorCode.TopicAlreadyExists)
        {
            // Somebody else made it meanwhile.
        }
        catch (OrleansLogException e)
        {
            return new TopicMetadata(e.Error, name, Guid.Empty);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            // The silo that the catalog was on has just died; the client asks again.
            return new TopicMetadata(ErrorCode.LeaderNotAvailable, name, Guid.Empty);
        }

        var index = await context.Cluster.GetTopicsAsync().ConfigureAwait(false);
        return index.Find(name) is { } made
            ? new TopicMetadata(ErrorCode.None, name, made.Id, made)
            : new TopicMetadata(ErrorCode.LeaderNotAvailable, name, Guid.Empty);
    }

    /// <summary>Whether a topic may have that name: Kafka's rule.</summary>
    public static bool IsValidName(string name)
    {
        if (name.Length is 0 or > MaxNameLength || name is "." or "..") return false;
        foreach (var c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-')) return false;
        }

        return true;
    }

    private static Task<TopicDescription> CreateAsync(RequestContext context, string name)
    {
        var catalog = context.Grains.GetCatalog();
        return name == OffsetsTopic
            ? catalog.EnsureInternalTopic(name)
            : catalog.CreateTopic(new CreateTopicRequest(name, -1, -1, new Dictionary<string, string>()));
    }
}
