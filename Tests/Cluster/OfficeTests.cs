using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Core.Internal;
using Orleans.Storage;
using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Failover;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Partitions;
using OrleansLog.Grains.Placement;
using OrleansLog.Grains.Storage;
using OrleansLog.Records;
using OrleansLog.Tests.Faults;
using OrleansLog.Tests.Grains;
using Xunit;

namespace OrleansLog.Tests.Cluster;

/// <summary>Who holds the office of leader, and who does not.</summary>
public sealed class OfficeTests
{
    private static readonly TopicPartition T0 = new("t", 0);

    [Fact]
    public async Task A_deposed_leader_cannot_commit()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t");
        await cluster.ProduceAsync("t", 0, "a");
        var before = await cluster.WhenInSyncAsync("t", 0);
        var deposed = cluster.Replicas(before.Leader).FindLeader(T0)!;
        var next = before.Replicas[1];

        // Behind its back, as if the cluster had held it for dead.
        await StoreAsync(cluster, next, office => office.With(LeaderElection.HandOver(office.ToState(), next)!));
        cluster.Service<LeaderHints>(next).Note(T0, next, before.LeaderEpoch + 1);
        Assert.Equal(next, await cluster.GrainsOf(next).GetPartition(T0).Lead());
        var refused = await Assert.ThrowsAsync<OrleansLogException>(
            () => deposed.AppendAsync(Batches.Of("lost"), acks: -1, TimeSpan.FromSeconds(10)).AsTask());
        Assert.Contains(refused.Error, (ErrorCode[])[ErrorCode.NotLeaderOrFollower, ErrorCode.NotEnoughReplicasAfterAppend]);
        Assert.Equal(LeaderEndReason.Fenced, (await deposed.Ended.WaitAsync(TimeSpan.FromSeconds(30))).Reason);

        Assert.Equal(1, (await cluster.ProduceAsync("t", 0, "b")).Offset);
        await cluster.WhenInSyncAsync("t", 0);
        Assert.Equal(["0:a", "1:b"], await cluster.ReadAllAsync("t", 0));
        Assert.Equal(2, cluster.Replicas(before.Leader).Open.Single().Log.LogEndOffset);
    }

    [Fact]
    public async Task A_rehearsed_takeover_is_a_real_one_and_leaves_nothing_behind()
    {
        await using var cluster = await NodeCluster.StartAsync(2);
        for (var round = 0; round < 2; round++)
        {
            Assert.Equal(3, await cluster.Service<TakeoverRehearsal>(1).RunAsync());
            Assert.Empty(cluster.Replicas(1).Leaders);
            Assert.Empty(cluster.Replicas(2).Leaders);
            Assert.DoesNotContain(Directory.GetDirectories(cluster.DirectoryOf(1)), folder => folder.Contains("rehearsal", StringComparison.Ordinal));
            Assert.DoesNotContain(Directory.GetDirectories(cluster.DirectoryOf(2)), folder => folder.Contains("rehearsal", StringComparison.Ordinal));
            var left = await cluster.Service<StoredOffices>(1).ReadAsync(RehearsalTopic.PartitionFor(1, 2));
            Assert.Equal(-1, left.LeaderEpoch);
            Assert.Empty((await cluster.Catalog.ListTopics()).Topics);
        }
    }

    [Fact]
    public async Task The_preferred_replica_leads_again_once_it_is_in_sync()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t");
        await cluster.ProduceAsync("t", 0, "a");
        var before = await cluster.WhenInSyncAsync("t", 0);
        var preferred = before.Replicas[0];
        Assert.Equal(preferred, before.Leader);
        await cluster.KillNodeAsync(preferred);
        await cluster.ProduceAsync("t", 0, "b");
        await cluster.StartNodeAsync(preferred);
        var inBetween = await cluster.WhenInSyncAsync("t", 0);
        Assert.NotEqual(preferred, inBetween.Leader);

        Assert.Equal(1, await cluster.Service<LeaderBalancer>(inBetween.Leader).BalanceAsync(CancellationToken.None));
        await cluster.ProduceAsync("t", 0, "c");
        Assert.Equal(preferred, (await cluster.Partition("t", 0).Describe()).Leader);
        Assert.Equal(["0:a", "1:b", "2:c"], await cluster.ReadAllAsync("t", 0));
    }

    [Fact]
    public async Task Who_calls_a_partition_whose_place_cannot_be_found_out_hears_of_it_soon()
    {
        var store = new FaultyStore();
        await using var cluster = await NodeCluster.StartAsync(3, configureSilo: (_, silo) => store.Wrap(silo));
        await cluster.CreateTopicAsync("t");
        var answer = new TaskCompletionSource();
        store.Hanging = answer.Task;
        try
        {
            var refusal = await Assert.ThrowsAsync<OrleansLogException>(
                () => cluster.Partition("t", 0).Describe().WaitAsync(TimeSpan.FromSeconds(20)));
            Assert.Equal(ErrorCode.LeaderNotAvailable, refusal.Error);
            Assert.Contains("who leads t-0 did not answer within 4 s", refusal.Message, StringComparison.Ordinal);
        }
        finally
        {
            store.Hanging = null;
            answer.SetResult();
        }

        await cluster.ProduceAsync("t", 0, "a");
        Assert.Equal(["0:a"], await cluster.ReadAllAsync("t", 0));
    }

    [Fact]
    public async Task Who_calls_a_partition_whose_topic_does_not_answer_hears_of_it_soon()
    {
        var answer = new TaskCompletionSource();
        Task? hanging = null;
        await using var cluster = await NodeCluster.StartAsync(2, configureSilo: (_, silo) => silo.AddIncomingGrainCallFilter(async context =>
        {
            if (context.TargetId.Type.ToString() == "topic" && Volatile.Read(ref hanging) is { } wait) await wait;
            await context.Invoke();
        }));
        await cluster.CreateTopicAsync("t", replicas: 1);
        await cluster.ProduceAsync("t", 0, "a");
        await cluster.Partition("t", 0).AsReference<IGrainManagementExtension>().DeactivateOnIdle();
        Volatile.Write(ref hanging, answer.Task);
        try
        {
            var refusal = await Assert.ThrowsAsync<OrleansLogException>(
                () => cluster.Partition("t", 0).Describe().WaitAsync(TimeSpan.FromSeconds(20)));
            Assert.Equal(ErrorCode.LeaderNotAvailable, refusal.Error);
            Assert.Contains("the topic 't' did not answer within 4 s", refusal.Message, StringComparison.Ordinal);
        }
        finally
        {
            Volatile.Write(ref hanging, null);
            answer.SetResult();
        }

        Assert.Equal(["0:a"], await cluster.ReadAllAsync("t", 0));
    }

    [Fact]
    public async Task While_replicas_are_eligible_and_nothing_is_committed_no_leadership_is_moved()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t", configs: new Dictionary<string, string> { ["min.insync.replicas"] = "3" });
        await cluster.ProduceAsync("t", 0, "a");
        var before = await cluster.WhenInSyncAsync("t", 0);
        var preferred = before.Replicas[0];
        await cluster.KillNodeAsync(preferred);
        await cluster.WaitForAsync("t", 0, it => it.Leader != preferred);
        await cluster.StartNodeAsync(preferred);
        var inBetween = await cluster.WhenInSyncAsync("t", 0);
        var other = before.Replicas.Single(node => node != preferred && node != inBetween.Leader);
        await cluster.KillNodeAsync(other);
        var without = await cluster.WaitForAsync("t", 0, it => it.EligibleReplicas is [var eligible] && eligible == other);
        Assert.Contains(preferred, without.InSyncReplicas);

        var balancer = cluster.Service<LeaderBalancer>(inBetween.Leader);
        Assert.Equal(0, await balancer.BalanceAsync(CancellationToken.None));
        var after = await cluster.Partition("t", 0).Describe();
        Assert.Equal((without.Leader, without.LeaderEpoch), (after.Leader, after.LeaderEpoch));
        Assert.NotNull(cluster.Replicas(after.Leader).FindLeader(T0));

        await cluster.StartNodeAsync(other);
        await cluster.WhenInSyncAsync("t", 0);
        Assert.Equal(1, await balancer.BalanceAsync(CancellationToken.None));
    }

    [Theory]
    [InlineData(true, false)] // away, also for reading
    [InlineData(false, false)] // the one write fails
    [InlineData(false, true)] // the one write is carried out, and said to have failed
    public async Task A_hand_over_that_cannot_be_stored_costs_nobody_the_leader(bool isAway, bool isCarriedOut)
    {
        var store = new FaultyStore();
        await using var cluster = await NodeCluster.StartAsync(3, configureSilo: (_, silo) => store.Wrap(silo));
        await cluster.CreateTopicAsync("t");
        await cluster.ProduceAsync("t", 0, "a");
        var before = await cluster.WhenInSyncAsync("t", 0);
        var leader = cluster.Replicas(before.Leader).FindLeader(T0)!;
        store.IsAway = isAway;
        store.CarriesOut = isCarriedOut;
        store.FailingWrites = isAway ? 0 : 1;
        var refused = await Assert.ThrowsAsync<OrleansLogException>(() => cluster.Partition("t", 0).HandOver(before.Replicas[1]));
        Assert.Equal(ErrorCode.KafkaStorageError, refused.Error);

        // It goes on, in the same office and without the store.
        var appended = await leader.AppendAsync(Batches.Of("b"), acks: -1, TimeSpan.FromSeconds(10));
        Assert.Equal(1, appended.BaseOffsets[0]);
        Assert.False(leader.IsClosed);

        store.IsAway = false;
        if (isCarriedOut)
        {
            // Only now is it known; whoever is called next looks into the store.
            refused = await Assert.ThrowsAsync<OrleansLogException>(() => cluster.Partition("t", 0).HandOver(before.Replicas[1]));
            Assert.Equal(ErrorCode.NotLeaderOrFollower, refused.Error);
        }
        else
        {
            await cluster.Partition("t", 0).HandOver(before.Replicas[1]);
        }

        var after = await cluster.WaitForAsync("t", 0, it => it.Leader == before.Replicas[1]);
        Assert.True(after.LeaderEpoch > before.LeaderEpoch);
        await cluster.ProduceAsync("t", 0, "c");
        Assert.Equal(["0:a", "1:b", "2:c"], await cluster.ReadAllAsync("t", 0));
    }

    [Fact]
    public async Task A_node_that_lost_its_disk_does_not_lead_before_it_is_filled_up()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t");
        await cluster.ProduceAsync("t", 0, "a");
        var before = await cluster.WhenInSyncAsync("t", 0);
        await cluster.KillNodeAsync(before.Leader);
        // What the store says of it is out of date: it is still named as in sync, but has nothing.
        await StoreAsync(cluster, before.Replicas[1], office => office with
        {
            Leader = before.Leader, InSyncReplicas = [.. before.Replicas], Version = office.Version + 1, LeaderEpoch = office.LeaderEpoch + 10,
        });
        Directory.Delete(Path.Combine(cluster.DirectoryOf(before.Leader), "t-0"), recursive: true);
        await cluster.StartNodeAsync(before.Leader);
        await cluster.WaitForAsync("t", 0, it => it.HighWatermark >= 1);
        Assert.Equal(["0:a"], await cluster.ReadAllAsync("t", 0));
        await cluster.ProduceAsync("t", 0, "b");
        await cluster.WhenInSyncAsync("t", 0);
        Assert.Equal(["0:a", "1:b"], await cluster.ReadAllAsync("t", 0));
    }

    [Fact]
    public async Task A_damaged_replica_that_is_alone_in_sync_leads_again()
    {
        await using var cluster = await NodeCluster.StartAsync(2);
        await cluster.CreateTopicAsync("t", replicas: 2, configs: new Dictionary<string, string> { ["min.insync.replicas"] = "1" });
        await cluster.ProduceAsync("t", 0, "a");
        var before = await cluster.WhenInSyncAsync("t", 0, 2);
        await cluster.KillNodeAsync(before.Replicas[1]);
        await cluster.ProduceAsync("t", 0, "b");
        await cluster.WhenInSyncAsync("t", 0, 1);
        // As a leader of the same partition would that has just gone: the log stays open, and what is known of it stays known.
        var (topic, log) = (await cluster.Grains.GetTopic("t").Describe(), cluster.Replicas(before.Leader).Open.Single().Log);
        await using var open = await cluster.Replicas(before.Leader).AcquireAsync(T0, topic.Id, log.Config, -1, CancellationToken.None);
        SegmentDamage.FlipBit(log.Segments[0].LogPath, log.Segments[0].SizeInBytes - 1, 3);
        var leader = cluster.Replicas(before.Leader).FindLeader(T0)!;
        Assert.False(leader.Scrub());
        Assert.True(log.DamagedFrom >= 0);
        await cluster.Partition("t", 0).AsReference<IGrainManagementExtension>().DeactivateOnIdle();
        await leader.Ended.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(2, (await cluster.ProduceAsync("t", 0, "c")).Offset);
        Assert.Equal(before.Leader, (await cluster.Partition("t", 0).Describe()).Leader);
    }

    [Fact]
    public async Task A_damaged_replica_that_is_alone_in_sync_leaves_it_to_an_eligible_one_that_is_whole()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t");
        await cluster.ProduceAsync("t", 0, "a");
        await cluster.ProduceAsync("t", 0, "b");
        var before = await cluster.WhenInSyncAsync("t", 0);
        var (hurt, eligible) = (before.Leader, before.Replicas[2]);
        var (topic, log) = (await cluster.Grains.GetTopic("t").Describe(), cluster.Replicas(hurt).Open.Single().Log);
        await using var open = await cluster.Replicas(hurt).AcquireAsync(T0, topic.Id, log.Config, -1, CancellationToken.None);
        SegmentDamage.FlipBit(log.Segments[0].LogPath, log.Segments[0].SizeInBytes - 1, 3);
        Assert.False(log.Scrub(1 << 20, null, CancellationToken.None));
        await StoreAsync(cluster, eligible, office => office with
        {
            Leader = hurt, InSyncReplicas = [hurt], EligibleReplicas = [eligible], Version = office.Version + 1, LeaderEpoch = office.LeaderEpoch + 10,
        });
        var leader = cluster.Replicas(hurt).FindLeader(T0)!;
        await cluster.GrainsOf(hurt).GetPartition(T0).AsReference<IGrainManagementExtension>().DeactivateOnIdle();
        await leader.Ended.WaitAsync(TimeSpan.FromSeconds(30));

        await cluster.WaitForAsync("t", 0, it => it.Leader == eligible);
        await cluster.WhenInSyncAsync("t", 0);
        Assert.Equal(["0:a", "1:b"], await cluster.ReadAllAsync("t", 0));
        Assert.True(log.DamagedFrom < 0);
    }

    [Theory]
    [InlineData(false)] // both replicas that run are in sync
    [InlineData(true)] // they are eligible; the one in sync does not run
    public async Task A_replica_whose_log_cannot_be_opened_is_passed_over(bool areEligible)
    {
        await using var cluster = await NodeCluster.StartAsync(4);
        await cluster.CreateTopicAsync("t");
        await cluster.ProduceAsync("t", 0, "a");
        var before = await cluster.WhenInSyncAsync("t", 0);
        var (broken, whole, absent) = (before.Replicas[0], before.Replicas[1], before.Replicas[2]);
        // While none of them runs nobody takes office between what is stored here and their start.
        foreach (var replica in before.Replicas) await cluster.KillNodeAsync(replica);
        await StoreAsync(cluster, Enumerable.Range(1, 4).Except(before.Replicas).Single(), office => office with
        {
            Leader = areEligible ? absent : broken,
            InSyncReplicas = areEligible ? [absent] : [broken, whole],
            EligibleReplicas = areEligible ? [broken, whole] : [],
            Version = office.Version + 1,
            LeaderEpoch = office.LeaderEpoch + 10,
        });
        var segment = NewestSegment(cluster, broken);
        File.Delete(segment);
        Directory.CreateDirectory(segment);
        await cluster.StartNodeAsync(broken);
        await cluster.StartNodeAsync(whole);

        var first = await cluster.WaitForAsync("t", 0, it => it.Leader == whole);
        // Who cannot be opened now may have all that it had before; it is taken out when it does not answer.
        await cluster.WaitForAsync("t", 0, it => it.InSyncReplicas.SequenceEqual([whole]));
        Assert.True(first.LeaderEpoch > before.LeaderEpoch + 10);
        Assert.Equal(["0:a"], await cluster.ReadAllAsync("t", 0));
    }

    [Theory]
    [InlineData("")] // its log cannot be opened
    [InlineData("replica-state")] // it cannot note that it takes part
    public async Task A_new_partition_whose_first_replica_fails_begins_without_it(string name)
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        // A file where the directory of the log is to be, or a directory where that file is to be.
        var directories = Enumerable.Range(0, 3).Select(partition => Path.Combine(cluster.DirectoryOf(1), $"t-{partition}")).ToArray();
        foreach (var directory in directories)
        {
            if (name.Length == 0) await File.WriteAllTextAsync(directory, "not a log");
            else Directory.CreateDirectory(Path.Combine(directory, name, "obstacle"));
        }

        var topic = await cluster.CreateTopicAsync("t", partitions: 3);
        var stricken = topic.Partitions.Single(static it => it.Replicas[0] == 1).Partition;
        for (var partition = 0; partition < 3; partition++) await cluster.ProduceAsync("t", partition, "a");
        var begun = await cluster.WaitForAsync("t", stricken, static it => it.InSyncReplicas.Count == 2);
        Assert.DoesNotContain(1, begun.InSyncReplicas);
        Assert.Equal(3, begun.Replicas.Count);

        foreach (var directory in directories)
        {
            if (name.Length == 0) File.Delete(directory);
            else Directory.Delete(Path.Combine(directory, name), recursive: true);
        }

        for (var partition = 0; partition < 3; partition++)
        {
            await cluster.WhenInSyncAsync("t", partition);
            Assert.Equal(["0:a"], await cluster.ReadAllAsync("t", partition));
        }
    }

    [Fact]
    public async Task Replicas_none_of_which_can_be_opened_do_not_raise_the_epoch_with_every_request()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t", replicas: 2);
        await cluster.ProduceAsync("t", 0, "a");
        var before = await cluster.WhenInSyncAsync("t", 0, replicas: 2);
        foreach (var node in before.Replicas) await cluster.KillNodeAsync(node);
        await StoreAsync(cluster, Enumerable.Range(1, 3).Except(before.Replicas).Single(), office => office with
        {
            InSyncReplicas = [.. before.Replicas],
            Version = office.Version + 1,
        });
        var segments = before.Replicas.Select(node => NewestSegment(cluster, node)).ToArray();
        foreach (var segment in segments)
        {
            File.Move(segment, segment + ".kept");
            Directory.CreateDirectory(segment);
        }

        foreach (var node in before.Replicas) await cluster.StartNodeAsync(node);
        var (asked, told, started) = (0, 0, Stopwatch.GetTimestamp());
        for (; asked < 100 && Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(30); asked++)
        {
            var refusal = await Assert.ThrowsAnyAsync<Exception>(() => cluster.Partition("t", 0).Describe());
            if (refusal is OrleansLogException { Error: ErrorCode.KafkaStorageError }) told++;
        }

        foreach (var segment in segments)
        {
            Directory.Delete(segment);
            File.Move(segment + ".kept", segment);
        }

        var after = await cluster.WhenInSyncAsync("t", 0, replicas: 2);
        Assert.InRange(asked, 20, int.MaxValue);
        Assert.InRange(told, asked / 2, asked);
        // Each of the two passes it on at most once in five seconds, and one takes it in the end.
        var most = 4 + (2 * (int)(Stopwatch.GetElapsedTime(started).TotalSeconds / 5));
        Assert.InRange(after.LeaderEpoch, before.LeaderEpoch + 1, before.LeaderEpoch + most);
        Assert.Equal(["0:a"], await cluster.ReadAllAsync("t", 0));
    }

    [Fact]
    public async Task A_changed_configuration_and_a_deletion_reach_all_replicas()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t");
        await cluster.ProduceAsync("t", 0, "a");
        await cluster.WhenInSyncAsync("t", 0);
        await cluster.Grains.GetTopic("t").AlterConfig(new Dictionary<string, string?> { ["retention.ms"] = "12345" }, false);
        for (var node = 1; node <= 3; node++) Assert.Equal(12345, cluster.Replicas(node).Open.Single().Log.Config.RetentionMs);
        await cluster.Catalog.DeleteTopic("t");
        for (var node = 1; node <= 3; node++)
            Assert.False(Directory.Exists(Path.Combine(cluster.DirectoryOf(node), "t-0")));
    }

    private static string NewestSegment(NodeCluster cluster, int node) =>
        Directory.GetFiles(Path.Combine(cluster.DirectoryOf(node), "t-0"), "*.log").Order(StringComparer.Ordinal).Last();

    /// <summary>Changes what is stored of the partition, as another node would.</summary>
    private static async Task StoreAsync(NodeCluster cluster, int node, Func<PartitionOffice, PartitionOffice> change)
    {
        var storage = cluster.Service<IServiceProvider>(node).GetRequiredKeyedService<IGrainStorage>(MetadataStorage.Name);
        var id = cluster.Grains.GetPartition(T0).GetGrainId();
        var state = new GrainState<PartitionOffice>();
        for (var attempt = 1; ; attempt++)
        {
            await storage.ReadStateAsync(StoredOffices.StateName, id, state);
            state.State = change(state.State!);
            try
            {
                await storage.WriteStateAsync(StoredOffices.StateName, id, state);
                return;
            }
            catch (InconsistentStateException) when (attempt < 20)
            {
                // A leader changed it in between.
            }
        }
    }
}
