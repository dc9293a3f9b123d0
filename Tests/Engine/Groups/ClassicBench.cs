using System.Text;
using OrleansLog.Engine.Groups;
using OrleansLog.Engine.Groups.Classic;
using OrleansLog.Records;

namespace OrleansLog.Tests.Engine.Groups;

/// <summary>A classic group on a <see cref="GroupBench"/>: members that join, sync and beat.</summary>
internal sealed class ClassicBench
{
    public ClassicBench(GroupOptions? options = null) =>
        Bench = new GroupBench(options ?? new GroupOptions { InitialRebalanceDelay = TimeSpan.Zero }, ("logs", 4), ("metrics", 2));

    public GroupBench Bench { get; }

    public GroupCoordinator Coordinator => Bench.Coordinator;

    public GroupSnapshot Group => Coordinator.Describe();

    public static ClassicJoin JoinOf(string memberId, string? instance = null, params string[] protocols) =>
        new(memberId, instance, "consumer", [.. (protocols.Length == 0 ? ["range"] : protocols).Select(name => new ClassicProtocol(name, Subscription("logs")))])
        {
            SessionTimeoutMs = 10_000,
            RebalanceTimeoutMs = 60_000,
            ClientId = "c",
            ClientHost = "/127.0.0.1",
        };

    /// <summary>A consumer's metadata, version 0.</summary>
    public static byte[] Subscription(params string[] topics)
    {
        List<byte> bytes = [0, 0, 0, 0, 0, (byte)topics.Length];
        foreach (var topic in topics) bytes.AddRange([0, (byte)topic.Length, .. Encoding.ASCII.GetBytes(topic)]);
        bytes.AddRange([0, 0, 0, 0]);
        return [.. bytes];
    }

    public Pending<ClassicJoinResult> Join(ClassicJoin join) => Bench.Keep(Coordinator.Join(join));

    public Pending<ClassicJoinResult> Join(string memberId = "", string? instance = null, params string[] protocols) =>
        Join(JoinOf(memberId, instance, protocols));

    public Pending<ClassicSyncResult> Sync(ClassicJoinResult joined, params (string Member, string Assignment)[] assignments) =>
        Sync(joined.MemberId, joined.Generation, null, assignments);

    public Pending<ClassicSyncResult> Sync(
        string member, int generation, string? instance, params (string Member, string Assignment)[] assignments) =>
        Bench.Keep(Coordinator.Sync(new ClassicSync(
            member, instance, generation,
            [.. assignments.Select(a => KeyValuePair.Create(a.Member, Encoding.ASCII.GetBytes(a.Assignment)))])));

    public ErrorCode Beat(ClassicJoinResult joined, string? instance = null) =>
        Coordinator.Heartbeat(joined.MemberId, instance, joined.Generation);

    public ErrorCode Leave(string member, string? instance = null) =>
        Bench.Keep(Coordinator.Leave([new ClassicLeaver(member, instance)]))[0];

    public ErrorCode Commit(string member, int generation, long offset, string? instance = null)
    {
        try
        {
            return Bench.Keep(Coordinator.CommitOffsets(new GroupOffsetCommit(
                member, generation, instance,
                [KeyValuePair.Create(new TopicPartition("logs", 0), new GroupOffset(offset, -1, "", -1))])))[0];
        }
        catch (OrleansLogException e)
        {
            return e.Error;
        }
    }

    public void Pass(double seconds)
    {
        for (var rest = TimeSpan.FromSeconds(seconds); rest > TimeSpan.Zero;)
        {
            var step = Coordinator.UntilNextDeadline is { } due && due < rest ? due : rest;
            step = step < TimeSpan.FromMilliseconds(1) ? TimeSpan.FromMilliseconds(1) : step;
            Bench.Time.Advance(step);
            rest -= step;
            Bench.Tick();
        }
    }

    /// <summary>Two members, stable: the first leads.</summary>
    public (ClassicJoinResult Leader, ClassicJoinResult Follower) Pair(string? leaderInstance = null, string? followerInstance = null)
    {
        var alone = Join("", leaderInstance).Response!;
        Sync(alone.MemberId, alone.Generation, leaderInstance, (alone.MemberId, "all"));
        var second = Join("", followerInstance);
        var first = Join(alone.MemberId, leaderInstance);
        var (leader, follower) = (first.Response!, second.Response!);
        Sync(follower.MemberId, follower.Generation, followerInstance);
        Sync(leader.MemberId, leader.Generation, leaderInstance, (leader.MemberId, "a"), (follower.MemberId, "b"));
        return (leader, follower);
    }

    public static string Text(ClassicSyncResult? sync) => Encoding.ASCII.GetString(sync!.Assignment);
}
