using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Grains.Replicas;

/// <summary>Turns the engine's messages between replicas into those of the grain, and back.</summary>
internal static class ReplicaTranslation
{
    /// <summary>The push as it is sent. The records are lent, not copied.</summary>
    public static ReplicaPush ToMessage(this ReplicateRequest request) => new(
        request.LeaderEpoch,
        request.Session,
        (int)request.Alignment,
        request.BaseOffset,
        request.Records.IsEmpty ? RecordBytes.Empty : RecordBytes.Borrow([request.Records]),
        request.Seal,
        request.HighWatermark,
        request.LogStartOffset);

    /// <summary>The push as it is carried out; its records are the message's.</summary>
    public static ReplicateRequest ToEngine(this ReplicaPush push) => new(
        push.LeaderEpoch,
        push.Session,
        (ReplicaAlignment)push.Alignment,
        push.BaseOffset,
        push.Records.Length == 0 ? default : push.Records.Memory,
        push.Seal,
        push.HighWatermark,
        push.LogStartOffset);

    /// <summary>The answer to a push, as it is sent.</summary>
    public static ReplicaPushResponse ToMessage(this ReplicateResponse response, bool isLeaving) => new(
        (int)response.Result, response.LeaderEpoch, response.LogEndOffset, response.DurableEndOffset, response.Reason, isLeaving);

    /// <summary>The answer to a push, as it arrived.</summary>
    public static ReplicateResponse ToEngine(this ReplicaPushResponse response) => new(
        (ReplicaResult)response.Result, response.LeaderEpoch, response.LogEndOffset, response.DurableEndOffset, response.Reason,
        response.IsLeaving);

    /// <summary>What a replica's log holds, as it is sent.</summary>
    public static ReplicaLogState ToMessage(this FollowerLogState state) => new(
        (int)state.Result,
        state.LeaderEpoch,
        state.Session,
        state.LogStartOffset,
        state.LogEndOffset,
        state.DurableEndOffset,
        [.. state.Epochs.Select(epoch => new ReplicaEpoch(epoch.Epoch, epoch.StartOffset))],
        state.HasMoreEpochs,
        state.DamagedFrom,
        state.Reason);

    /// <summary>What a replica's log holds, as it arrived.</summary>
    public static FollowerLogState ToEngine(this ReplicaLogState state) => new(
        (ReplicaResult)state.Result,
        state.LeaderEpoch,
        state.Session,
        state.LogStartOffset,
        state.LogEndOffset,
        state.DurableEndOffset,
        [.. state.Epochs.Select(epoch => new EpochStart(epoch.Epoch, epoch.StartOffset))],
        state.HasMoreEpochs,
        state.DamagedFrom,
        state.Reason);
}
