using Microsoft.Extensions.Logging;
using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Direct;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Interfaces.Transport.Direct;
using OrleansLog.Records;

namespace OrleansLog.Grains.Replicas.Direct;

/// <summary>
/// Serves the leaders on other nodes that push to the replicas here. A push is appended, made durable and answered on the connection's
/// own thread while nothing waits behind it; otherwise the fsync is left to the flush threads. A replica is opened by its grain, with
/// the call that begins a term: one that is not open has no session that a push could be of. Thread-safe.
/// </summary>
internal sealed partial class PushService(
    NodeReplicas replicas,
    LocalNode node,
    ILocalSiloDetails silo,
    SiloStopping stopping,
    IGrainFactory grains,
    TimeProvider time,
    ILogger<PushService> logger) : IDirectService
{
    // Far below the time after which Orleans lets go of a grain that nobody calls, and with it of the replica.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(30);

    /// <inheritdoc/>
    public DirectRole Role => DirectRole.Leader;

    /// <inheritdoc/>
    public string? WhyNot(DirectGreeting greeting)
    {
        if (greeting.ClusterId != node.ClusterId) return $"this is a node of the cluster {node.ClusterId}, not {greeting.ClusterId}";
        var own = silo.SiloAddress.ToParsableString();
        return greeting.Meant == own ? null : $"this is the silo {own}, not {greeting.Meant}";
    }

    /// <inheritdoc/>
    public IFrameHandler Serve(FrameSocket connection) => new Peer(this, connection);

    private ReplicateResponse Complete(ReplicateResponse response) => response with { IsLeaving = stopping.IsLeaving };

    private PartitionFollower? Find(TopicPartition partition) => replicas.Find(partition);

    private bool IsDue(ref long touched)
    {
        var now = time.GetTimestamp();
        if (touched != 0 && time.GetElapsedTime(touched, now) < Silence) return false;
        touched = now;
        return true;
    }

    /// <summary>Lets a replica's grain know that it is in use. A failure shows with the next term.</summary>
    private async Task TouchAsync(TopicPartition partition)
    {
        try
        {
            await grains.GetReplica(partition, node.NodeId).Touch();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            LogNotReached(partition, e.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "The grain of the replica of {Partition} was not reached: {Reason}")]
    private partial void LogNotReached(TopicPartition partition, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "A push to {Partition} failed.")]
    private partial void LogFailed(Exception exception, TopicPartition partition);

    private sealed class Peer(PushService owner, FrameSocket connection) : IFrameHandler
    {
        // When the grain of each replica was last told that it is in use; as many as there are partitions.
        private readonly Dictionary<TopicPartition, long> _touched = [];

        public void OnFrame(ReadOnlyMemory<byte> frame, bool isLast)
        {
            var (call, partition, request) = ReplicaFrames.ReadPush(frame);
            if (owner.Find(partition) is not { } follower)
            {
                Answer(call, new ReplicateResponse(ReplicaResult.StaleSession, -1, -1, -1, $"the replica of {partition} is not open"));
                return;
            }

            var answer = follower.ReplicateInTurn(request, flushesHere: isLast);
            if (answer.IsCompletedSuccessfully) Answer(call, answer.Result);
            else _ = AnswerLaterAsync(call, partition, answer);
            ref var touched = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_touched, partition, out _);
            if (owner.IsDue(ref touched)) _ = owner.TouchAsync(partition);
        }

        public void OnClosed(Exception reason)
        {
        }

        private async Task AnswerLaterAsync(int call, TopicPartition partition, ValueTask<ReplicateResponse> answer)
        {
            try
            {
                Answer(call, await answer.ConfigureAwait(false));
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // Without an answer the leader would wait until the call is over.
                owner.LogFailed(e, partition);
                connection.Close(e);
            }
        }

        private void Answer(int call, ReplicateResponse response)
        {
            Span<byte> room = stackalloc byte[ReplicaFrames.MaxAnswerBytes];
            connection.Send(ReplicaFrames.WriteAnswer(room, call, owner.Complete(response)));
        }
    }
}
