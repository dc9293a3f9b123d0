using System.Net.Sockets;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Interfaces.Transport.Direct;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>A direct connection to a node, by which a client produces to the partitions that are led there. Thread-safe.</summary>
internal sealed class ProduceChannel(Socket socket, string name)
    : DirectChannel<ProduceAnswer>(socket, ProduceFrames.MaxAnswerBytes, MaxBacklogBytes, name)
{
    // Producers keep to their own bounds; this ends a connection whose other side takes nothing.
    private const long MaxBacklogBytes = 512L * 1024 * 1024;

    /// <summary>As <see cref="IPartitionGrain.Produce"/>; the records must not change until it has ended or the connection has.</summary>
    /// <exception cref="OrleansLogException">As there; NotLeaderOrFollower: the partition is not led there.</exception>
    /// <exception cref="IOException">The connection ended; the records may be stored.</exception>
    public async Task<ProduceResponse> ProduceAsync(TopicPartition partition, ProduceRequest request)
    {
        var answer = await SendAsync(partition, request).ConfigureAwait(false);
        return answer.Response ?? throw answer.Refusal!;
    }

    /// <inheritdoc/>
    protected override (int Call, ProduceAnswer Answer) ReadAnswer(ReadOnlySpan<byte> frame) => ProduceFrames.ReadAnswer(frame);

    private Task<ProduceAnswer> SendAsync(TopicPartition partition, ProduceRequest request)
    {
        var call = NextCall();
        Span<byte> room = stackalloc byte[ProduceFrames.MaxHeadBytes];
        return SendAsync(call, ProduceFrames.WriteRequest(room, call, partition, request), request.Records.Memory, CancellationToken.None);
    }
}
