using System.Globalization;
using OrleansLog.Records;
using OrleansLog.Tests.Grains;
using Xunit;

namespace OrleansLog.Tests.Cluster;

/// <summary>By which whoever restarts silos one after the other knows when to go on.</summary>
public sealed class ReadyFileTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly TemporaryDirectory _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task It_is_there_when_all_replicas_are_in_sync_and_until_the_stop()
    {
        await using var cluster = await NodeCluster.StartAsync(3, options =>
        {
            options.ReadyFile = PathOf(options.NodeId!.Value);
            options.MaxCatchUpBytesPerSecond = 4_000;
        });
        for (var node = 1; node <= 3; node++) await WhenReadyAsync(node);
        await cluster.CreateTopicAsync("t");
        await cluster.ProduceAsync("t", 0, "a");
        await cluster.WaitForAsync("t", 0, static it => it.InSyncReplicas.Count == 3);

        // A process that was killed has left its file; the next one takes it away before it serves anybody.
        await cluster.KillNodeAsync(3);
        await File.WriteAllTextAsync(PathOf(3), "3");
        await cluster.WaitForAsync("t", 0, static it => it.InSyncReplicas.Count == 2);
        for (var i = 0; i < 12; i++) await cluster.ProduceAsync("t", 0, new string('x', 1_000));
        var gone = WhenAsync(() => !File.Exists(PathOf(3)));
        await cluster.StartNodeAsync(3);
        await gone;

        await WhenReadyAsync(3);
        var now = await cluster.WaitForAsync("t", 0, static _ => true);
        Assert.Contains(3, now.InSyncReplicas);
        await cluster.StopNodeAsync(3);
        Assert.False(File.Exists(PathOf(3)));
        Assert.True(File.Exists(PathOf(1)));
    }

    [Fact]
    public async Task A_node_whose_disk_was_wiped_is_ready_when_it_is_filled_again()
    {
        await using var cluster = await NodeCluster.StartAsync(3, options =>
        {
            options.ReadyFile = PathOf(options.NodeId!.Value);
            options.MaxCatchUpBytesPerSecond = 4_000;
        });
        await cluster.CreateTopicAsync("t", 3);
        for (var partition = 0; partition < 3; partition++)
        {
            for (var i = 0; i < 4; i++) await cluster.ProduceAsync("t", partition, new string('x', 1_000));
            await cluster.WhenInSyncAsync("t", partition);
        }

        await cluster.KillNodeAsync(3);
        Directory.Delete(cluster.DirectoryOf(3), recursive: true);
        File.Delete(PathOf(3));
        await cluster.StartNodeAsync(3);
        await WhenReadyAsync(3);
        for (var partition = 0; partition < 3; partition++)
        {
            Assert.Contains(3, (await cluster.WaitForAsync("t", partition, static _ => true)).InSyncReplicas);
            Assert.Equal(4, cluster.Replicas(3).Find(new TopicPartition("t", partition))?.Log.LogEndOffset);
        }
    }

    private string PathOf(int node) => _files.File(string.Create(CultureInfo.InvariantCulture, $"ready-{node}"));

    private Task WhenReadyAsync(int node) => WhenAsync(() => File.Exists(PathOf(node)));

    private static async Task WhenAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!condition()) await Task.Delay(20, limit.Token);
    }
}
