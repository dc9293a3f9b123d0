using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using OrleansLog.Grains.Direct;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Interfaces.Transport.Direct;
using OrleansLog.Grains.Replicas;
using OrleansLog.Records;

namespace OrleansLog.Grains.Partitions;

/// <summary>
/// Serves the clients that produce to the leaders of this node by direct connections. Records are appended and pushed to the followers
/// on the connection's own thread, which also makes them durable while nothing waits behind them. Whoever leads nowhere here is told so,
/// and calls the partition's grain. Thread-safe.
/// </summary>
internal sealed partial class ProduceService(
    NodeReplicas replicas,
    LeaderCalls calls,
    IOptions<ClusterOptions> cluster,
    IOptions<OrleansLogOptions> options,
    ILogger<ProduceService> logger) : IDirectService
{
    /// <summary>Requests of one connection that are begun and not answered; at the bound no more is read from it.</summary>
    private const int MaxCalls = 1024;

    /// <summary>Bytes of such requests; one is always allowed.</summary>
    private const long MaxBytes = 32 * 1024 * 1024;

    /// <inheritdoc/>
    public DirectRole Role => DirectRole.Producer;

    /// <inheritdoc/>
    public string? WhyNot(DirectGreeting greeting)
    {
        var own = cluster.Value;
        return !options.Value.DirectConnections
                ? $"{OrleansLogOptions.SectionName}:{nameof(OrleansLogOptions.DirectConnections)} is off"
            : greeting.ClusterId != own.ClusterId ? $"the cluster id here is '{own.ClusterId}', not '{greeting.ClusterId}'"
            : greeting.Meant != own.ServiceId ? $"the service id here is '{own.ServiceId}', not '{greeting.Meant}'"
            : null;
    }

    /// <inheritdoc/>
    public IFrameHandler Serve(FrameSocket connection) => new Peer(this, connection);

    private Task<ProduceResponse> ProduceAsync(TopicPartition partition, ProduceRequest request, bool flushesHere) =>
        replicas.FindLeader(partition) is { IsClosed: false } leader
            ? calls.ProduceWithoutGrainAsync(leader, request, flushesHere)
            : throw new OrleansLogException(ErrorCode.NotLeaderOrFollower, $"{partition} is not led here.");

    [LoggerMessage(Level = LogLevel.Error, Message = "Producing to {Partition} failed.")]
    private partial void LogFailed(Exception exception, TopicPartition partition);

    private sealed class Peer(ProduceService owner, FrameSocket connection) : IFrameHandler
    {
        private readonly object _gate = new();
        private int _calls;
        private long _bytes;
        private bool _isClosed;

        public void OnFrame(ReadOnlyMemory<byte> frame, bool isLast)
        {
            var (call, partition, request) = ProduceFrames.ReadRequest(frame.Span);
            Enter(request.Records.Length);
            _ = ServeAsync(call, partition, request, isLast);
        }

        public void OnClosed(Exception reason)
        {
            lock (_gate)
            {
                _isClosed = true;
                Monitor.PulseAll(_gate);
            }
        }

        // Up to the append it runs on the connection's thread.
        private async Task ServeAsync(int call, TopicPartition partition, ProduceRequest request, bool isLast)
        {
            byte[] answer;
            var length = request.Records.Length;
            try
            {
                answer = ProduceFrames.WriteAnswer(call, await owner.ProduceAsync(partition, request, isLast).ConfigureAwait(false));
            }
            catch (OrleansLogException refusal)
            {
                answer = ProduceFrames.WriteRefusal(call, refusal);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                owner.LogFailed(e, partition);
                answer = ProduceFrames.WriteRefusal(call, new OrleansLogException(ErrorCode.UnknownServerError, e.Message, e));
            }

            request.Records.Dispose();
            Leave(length);
            connection.Send(answer);
        }

        // Blocks the connection's thread, which reads no more meanwhile.
        private void Enter(int bytes)
        {
            lock (_gate)
            {
                while (!_isClosed && _calls > 0 && (_calls >= MaxCalls || _bytes + bytes > MaxBytes) && !connection.IsClosed)
                    Monitor.Wait(_gate, millisecondsTimeout: 1000);
                _calls++;
                _bytes += bytes;
            }
        }

        private void Leave(int bytes)
        {
            lock (_gate)
            {
                _calls--;
                _bytes -= bytes;
                Monitor.PulseAll(_gate);
            }
        }
    }
}
