using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Grains.Partitions;

internal sealed class PartitionGrain : Grain, IPartitionGrain
{
    public Task<ProduceResponse> Produce(ProduceRequest request) => throw new NotImplementedException();
    public Task<FetchResponse> Fetch(FetchRequest request, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    public Task<OffsetAndTimestamp> ListOffsets(long timestamp) => throw new NotImplementedException();
    public Task<EpochEndOffset> OffsetForLeaderEpoch(int leaderEpoch) => throw new NotImplementedException();
    public Task<long> DeleteRecords(long beforeOffset) => throw new NotImplementedException();
    public Task<PartitionDescription> Describe() => throw new NotImplementedException();
    public Task ApplyConfig(TopicDescription topic) => Task.CompletedTask;
    public Task Delete() => Task.CompletedTask;
}
