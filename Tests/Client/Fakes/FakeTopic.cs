using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Tests.Client.Fakes;

/// <summary>A topic that can only be described; one without partitions does not exist.</summary>
internal sealed class FakeTopic(string name, int partitions, Dictionary<string, string> configs) : ITopicGrain
{
    public Task<TopicDescription> Describe() => partitions == 0
        ? Task.FromException<TopicDescription>(new OrleansLogException(
            ErrorCode.UnknownTopicOrPartition, $"Topic '{name}' does not exist."))
        : Task.FromResult(new TopicDescription(
            name, Guid.Empty, false, [.. Enumerable.Range(0, partitions).Select(static i => new PartitionAssignment(i, [0]))], configs, configs));

    public Task Create(TopicDescription topic) => throw new NotSupportedException();

    public Task<TopicDescription> AlterConfig(IReadOnlyDictionary<string, string?> changes, bool validateOnly) =>
        throw new NotSupportedException();

    public Task<TopicDescription> CreatePartitions(
        int totalCount, IReadOnlyList<IReadOnlyList<int>>? assignment, bool validateOnly) => throw new NotSupportedException();

    public Task<IReadOnlyList<ReassignmentOutcome>> Reassign(IReadOnlyDictionary<int, IReadOnlyList<int>?> changes) =>
        throw new NotSupportedException();

    public Task<IReadOnlyList<PartitionReassignment>> ListReassignments() => throw new NotSupportedException();

    public Task NoteReplicas(int partition) => throw new NotSupportedException();

    public Task Delete() => throw new NotSupportedException();
}
