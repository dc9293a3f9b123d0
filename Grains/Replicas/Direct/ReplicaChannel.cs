using System.Net.Sockets;
using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Interfaces.Transport.Direct;
using OrleansLog.Records;

namespace OrleansLog.Grains.Replicas.Direct;

/// <summary>The leaders' end of a direct connection to the node of their followers, shared by all of them. Thread-safe.</summary>
internal sealed class ReplicaChannel(Socket socket, string name, Action<Exception> onEnded)
    : DirectChannel<ReplicateResponse>(socket, ReplicaFrames.MaxAnswerBytes, MaxBacklogBytes, name)
{
    // Leaders keep to their own bounds, of 8 MiB a follower and partition; this ends a connection whose other side takes nothing.
    private const long MaxBacklogBytes = 512L * 1024 * 1024;

    /// <summary>See <see cref="IReplicaLink.ReplicateAsync"/>; the call goes on until the connection ends, whatever the token says.</summary>
    /// <exception cref="IOException">The connection ended; the push may have taken effect.</exception>
    public Task<ReplicateResponse> ReplicateAsync(TopicPartition partition, ReplicateRequest request, CancellationToken timeout)
    {
        var call = NextCall();
        Span<byte> room = stackalloc byte[ReplicaFrames.MaxHeadBytes];
        return SendAsync(call, ReplicaFrames.WritePush(room, call, partition, request), request.Records, timeout);
    }

    /// <inheritdoc/>
    protected override (int Call, ReplicateResponse Answer) ReadAnswer(ReadOnlySpan<byte> frame) => ReplicaFrames.ReadAnswer(frame);

    /// <inheritdoc/>
    protected override void OnEnded(Exception reason) => onEnded(reason);
}
