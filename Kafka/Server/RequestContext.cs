using System.Net;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Apis;
using OrleansLog.Kafka.Options;
using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Server;

/// <summary>
/// One request on its way: who sent it, what it may use, and the response, whose header is written already. The frame that it was
/// read from is kept until the response has been sent.
/// </summary>
internal sealed class RequestContext : IDisposable
{
    private readonly Frame _frame;

    /// <summary>A request that was read from a frame.</summary>
    public RequestContext(
        KafkaServices services, Frame frame, KafkaApi api, RequestHeader header, EndPoint? remote, CancellationToken aborted)
    {
        _frame = frame;
        Services = services;
        Api = api;
        ApiVersion = header.ApiVersion;
        CorrelationId = header.CorrelationId;
        ClientId = header.ClientId;
        RemoteEndPoint = remote;
        Aborted = aborted;
        Response.WriteInt32(CorrelationId);
        Response.IsFlexible = api.IsFlexible(ApiVersion);
        // A client that asks for the versions cannot know yet which header it gets.
        if (api.Key != ApiKey.ApiVersions) Response.WriteTaggedFields();
    }

    /// <summary>What all requests have in common.</summary>
    public KafkaServices Services { get; }

    /// <summary>Who handles it.</summary>
    public KafkaApi Api { get; }

    /// <summary>The version it was sent in.</summary>
    public short ApiVersion { get; }

    /// <summary>The client's number for it.</summary>
    public int CorrelationId { get; }

    /// <summary>Bytes of the request, header included.</summary>
    public int FrameLength => _frame.Length;

    /// <summary>The request's body.</summary>
    public Memory<byte> Body { get; init; }

    /// <summary>What the client calls itself; null when it does not say.</summary>
    public string? ClientId { get; }

    /// <summary>Where the client is.</summary>
    public EndPoint? RemoteEndPoint { get; }

    /// <summary>The client's address as groups show it: <c>/127.0.0.1</c>.</summary>
    public string ClientHost => "/" + ((RemoteEndPoint as IPEndPoint)?.Address.ToString() ?? "unknown");

    /// <summary>Set when the client is gone or the silo stops: whatever waits need wait no longer.</summary>
    public CancellationToken Aborted { get; }

    /// <summary>The grains.</summary>
    public IGrainFactory Grains => Services.Grains;

    /// <summary>What this silo knows of the cluster.</summary>
    public IClusterView Cluster => Services.Cluster;

    /// <summary>The settings.</summary>
    public KafkaOptions Options => Services.Options;

    /// <summary>The response.</summary>
    public KafkaWriter Response { get; } = new();

    /// <summary>Set by a handler whose request is not answered (<c>acks=0</c>).</summary>
    public bool HasNoResponse { get; set; }

    /// <summary>
    /// Set, before it returns, by a handler of pipelined requests that could not do at once what has to be in the order of the
    /// requests: the next one is begun when this has ended, one way or the other.
    /// </summary>
    public Task Ordered { get; set; } = Task.CompletedTask;

    /// <summary>Set by a handler when the connection is to be closed, with the reason.</summary>
    public string? CloseReason { get; set; }

    /// <summary>Called by a handler when a call that borrowed bytes of the request may still use them: they are not used again.</summary>
    public void AbandonFrame() => _frame.Abandon();

    /// <summary>Lets the request and the response go.</summary>
    public void Dispose()
    {
        Response.Dispose();
        _frame.Dispose();
    }
}
