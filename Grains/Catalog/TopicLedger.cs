using Microsoft.Extensions.Logging;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Storage;
using OrleansLog.Grains.Topics;
using OrleansLog.Records;

namespace OrleansLog.Grains.Catalog;

/// <summary>
/// Makes and deletes topics so that a crash at any point leaves no half of one: the catalog notes what it means to do, has the
/// topic do it, and only then lets the topic appear or disappear. What was noted and not finished is finished by
/// <see cref="RecoverAsync"/>. One topic at a time. Used on the catalog's turns only.
/// </summary>
internal sealed partial class TopicLedger(
    Durable<TopicCatalog> catalog,
    Func<ReplicaAssigner.Place[]> findPlaces,
    IGrainFactory grains,
    TopicDefaults defaults,
    OrleansLogOptions options,
    ILogger logger)
{
    private readonly Gate _oneAtATime = new();
    private bool _recovered;
    private TopicList? _list;

    /// <summary>The version of the list of topics.</summary>
    public long Version => catalog.Value.Version;

    /// <summary>The topics that are there.</summary>
    public TopicList List()
    {
        var state = catalog.Value;
        if (_list?.Version == state.Version) return _list;
        return _list = new TopicList(state.Version,
        [
            .. state.Topics.Where(topic => topic.Stage == TopicStage.Ready).Select(topic => new TopicListing(
                topic.Name, topic.Id, topic.PartitionCount, topic.ReplicationFactor, topic.IsInternal)),
        ]);
    }

    /// <summary>Whether there is such a topic.</summary>
    public bool IsReady(string name) => Find(name) is { Stage: TopicStage.Ready };

    /// <summary>Makes a topic, or checks only that it could be made.</summary>
    public Task<TopicDescription> CreateAsync(CreateTopicRequest request, bool isInternal)
    {
        TopicNames.Validate(request.Name);
        return _oneAtATime.RunAsync(async () =>
        {
            await RecoverCoreAsync();
            if (Find(request.Name) is { } existing)
            {
                if (isInternal && existing.Stage == TopicStage.Ready) return await grains.GetTopic(request.Name).Describe();
                await RefuseExisting(existing);
            }

            var topic = Plan(request, isInternal);
            if (request.ValidateOnly) return topic;
            await Store(new CatalogTopic(
                topic.Name, topic.Id, topic.Partitions.Count, (short)topic.Partitions[0].Replicas.Count, isInternal,
                TopicStage.Creating, new TopicIntent(TopicState.AssignmentOf(topic), new(topic.Overrides))));
            await CompleteAsync(Find(topic.Name)!);
            return topic;
        });
    }

    /// <summary>Deletes a topic.</summary>
    public Task DeleteAsync(string name) => _oneAtATime.RunAsync(async () =>
    {
        await RecoverCoreAsync();
        var topic = Find(name);
        if (topic is null || topic.Stage == TopicStage.Creating) throw Unknown(name);
        if (topic.Stage == TopicStage.Ready) await Store(topic with { Stage = TopicStage.Deleting });
        await CompleteAsync(Find(name)!);
    });

    /// <summary>Takes over a changed number of partitions or replicas, if the topic is still there.</summary>
    public Task NoteChangeAsync(TopicDescription topic) => catalog.UpdateAsync(state =>
    {
        var at = IndexOf(state, topic.Name);
        if (at < 0 || state.Topics[at].Id != topic.Id) return state;
        var after = state.Topics[at] with
        {
            PartitionCount = topic.Partitions.Count, ReplicationFactor = (short)topic.Partitions[0].Replicas.Count,
        };
        if (after == state.Topics[at]) return state;
        var changed = state.Topics.ToArray();
        changed[at] = after;
        return new TopicCatalog { Version = state.Version + 1, Topics = changed };
    });

    /// <summary>Finishes what was begun before the catalog was last started. A topic that cannot be finished stays noted.</summary>
    public Task RecoverAsync() => _oneAtATime.RunAsync(RecoverCoreAsync);

    private async Task RecoverCoreAsync()
    {
        if (_recovered) return;
        foreach (var topic in catalog.Value.Topics.Where(topic => topic.Stage != TopicStage.Ready))
        {
            try
            {
                await CompleteAsync(topic);
                LogFinished(topic.Name, topic.Stage);
            }
            catch (Exception e) when (e is not Orleans.Storage.InconsistentStateException)
            {
                LogUnfinished(e, topic.Name, topic.Stage);
            }
        }

        _recovered = true;
    }

    /// <summary>Has the topic do what is noted, then lets it appear or disappear. May be done again after any failure.</summary>
    private async Task CompleteAsync(CatalogTopic topic)
    {
        if (topic is { Stage: TopicStage.Creating, Intent: { } intent })
        {
            await grains.GetTopic(topic.Name).Create(defaults.Describe(
                topic.Name, topic.Id, topic.IsInternal, intent.Assignment, intent.Overrides));
            await Store(topic with { Stage = TopicStage.Ready, Intent = null });
            return;
        }

        await grains.GetTopic(topic.Name).Delete();
        await catalog.UpdateAsync(state => new TopicCatalog
        {
            Version = state.Version + 1,
            Topics = [.. state.Topics.Where(other => other.Name != topic.Name)],
        });
    }

    private async Task RefuseExisting(CatalogTopic existing)
    {
        // An earlier attempt that failed half-way: finish it first; if it was a deletion, the name is free then.
        if (existing.Stage != TopicStage.Ready) await CompleteAsync(existing);
        if (existing.Stage != TopicStage.Deleting)
            throw new OrleansLogException(ErrorCode.TopicAlreadyExists, $"The topic '{existing.Name}' exists already.");
    }

    private TopicDescription Plan(CreateTopicRequest request, bool isInternal)
    {
        if (catalog.Value.Topics.FirstOrDefault(topic => TopicNames.Collide(topic.Name, request.Name)) is { } collision)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidTopic,
                $"The topic '{request.Name}' differs from the existing topic '{collision.Name}' in '.' and '_' only; "
                + "choose a name that differs in more.");
        }

        if (catalog.Value.Topics.Length >= options.MaxTopics)
        {
            throw new OrleansLogException(
                ErrorCode.PolicyViolation,
                $"The topic '{request.Name}' would be one more than the {options.MaxTopics} that "
                + $"{OrleansLogOptions.SectionName}:{nameof(options.MaxTopics)} allows.");
        }

        var id = Guid.NewGuid();
        var assignment = request.Assignment is { } wanted ? CheckAssignment(request, wanted) : Assign(request, id);
        return defaults.Describe(request.Name, id, isInternal, assignment, request.Configs ?? new Dictionary<string, string>());
    }

    private int[][] Assign(CreateTopicRequest request, Guid id)
    {
        var partitions = request.Partitions == -1 ? options.DefaultPartitions : request.Partitions;
        defaults.CheckPartitionCount(request.Name, partitions);
        var places = findPlaces();
        var replicationFactor = request.ReplicationFactor == -1 ? options.DefaultReplicationFactor : request.ReplicationFactor;
        if (replicationFactor < 1 || replicationFactor > places.Length)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidReplicationFactor,
                $"The topic '{request.Name}' asks for a replication factor of {replicationFactor}; it must be from 1 to the "
                + $"number of nodes that run and are not being drained, which is {places.Length}.");
        }

        return ReplicaAssigner.Assign(places, replicationFactor, 0, partitions, id.GetHashCode());
    }

    private int[][] CheckAssignment(CreateTopicRequest request, IReadOnlyList<IReadOnlyList<int>> wanted)
    {
        defaults.CheckPartitionCount(request.Name, wanted.Count);
        var replicationFactor = request.ReplicationFactor == -1 ? wanted[0].Count : request.ReplicationFactor;
        var partitions = request.Partitions == -1 ? wanted.Count : request.Partitions;
        return ReplicaAssigner.Check(request.Name, findPlaces(), replicationFactor, 0, partitions, wanted);
    }

    private Task<TopicCatalog> Store(CatalogTopic topic) => catalog.UpdateAsync(state => new TopicCatalog
    {
        Version = state.Version + 1,
        Topics =
        [
            .. state.Topics.Where(other => other.Name != topic.Name).Append(topic)
                .OrderBy(each => each.Name, StringComparer.Ordinal),
        ],
    });

    private CatalogTopic? Find(string name) =>
        IndexOf(catalog.Value, name) is >= 0 and var at ? catalog.Value.Topics[at] : null;

    private static int IndexOf(TopicCatalog state, string name) =>
        Array.FindIndex(state.Topics, topic => string.Equals(topic.Name, name, StringComparison.Ordinal));

    private static OrleansLogException Unknown(string name) =>
        new(ErrorCode.UnknownTopicOrPartition, $"There is no topic '{name}'.");

    [LoggerMessage(Level = LogLevel.Information, Message = "The topic {Topic} was found half-way ({Stage}) and finished.")]
    private partial void LogFinished(string topic, TopicStage stage);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The topic {Topic} was found half-way ({Stage}) and cannot be finished yet.")]
    private partial void LogUnfinished(Exception exception, string topic, TopicStage stage);
}
