using Microsoft.Extensions.DependencyInjection;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Partitions;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Grains;

public sealed class IdleLogKeeperTests : IDisposable
{
    private readonly TemporaryDirectory _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task Retention_reaches_partitions_that_nobody_uses_and_closes_them_again()
    {
        await using (var cluster = await LogCluster.StartAsync(_data.Path))
        {
            await cluster.CreateTopicAsync("short", 2, new Dictionary<string, string> { ["retention.ms"] = "1" });
            await cluster.CreateTopicAsync("long");
            await cluster.Partition("short", 0).Produce(Batches.Request("a"));
            await cluster.Partition("short", 1).Produce(Batches.Request("a"));
            await cluster.Partition("long", 0).Produce(Batches.Request("a"));
        }

        await using var again = await LogCluster.StartAsync(_data.Path);
        var logs = again.Services.GetRequiredService<OpenLogs>();
        var keeper = again.Services.GetRequiredService<IdleLogKeeper>();
        // A partition in use is the log manager's to tend to.
        Assert.Equal(["0:a"], await again.Partition("short", 1).ReadAllAsync());
        Assert.Equal(1, await keeper.CheckAsync(CancellationToken.None));
        Assert.False(logs.IsInUse(new TopicPartition("short", 0)));
        Assert.False(logs.IsInUse(new TopicPartition("long", 0)));
        Assert.Equal(0, await keeper.CheckAsync(CancellationToken.None));

        var described = await again.Partition("short", 0).Describe();
        Assert.Equal((1, 1), (described.LogStartOffset, described.LogEndOffset));
        Assert.Equal(["0:a"], await again.Partition("long", 0).ReadAllAsync());
    }
}
