using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// FindCoordinator 0-4: the broker that coordinates a group, which is the one that leads the group's partition of
/// <c>__consumer_offsets</c>; that topic is made if need be. Version 1 adds the kind of key, the throttle time and a message, 3 is
/// flexible, 4 asks for several keys at once. Transactional ids (key type 1) and share groups (2) are not served.
/// </summary>
internal sealed class FindCoordinatorApi() : KafkaApi(ApiKey.FindCoordinator, minVersion: 0, maxVersion: 4, flexibleFrom: 3)
{
    private const int GroupKey = 0;
    private static readonly KafkaBroker NoBroker = new(-1, string.Empty, -1, null);

    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var version = context.ApiVersion;
        var keys = version < 4 ? [request.ReadString("key")] : Array.Empty<string>();
        var keyType = version >= 1 ? request.ReadInt8("key_type") : GroupKey;
        if (version >= 4) keys = request.ReadStringArray("coordinator_keys");
        request.SkipTaggedFields();
        return AnswerAsync(context, keys, keyType);
    }

    private static async Task AnswerAsync(RequestContext context, string[] keys, int keyType)
    {
        var (response, version) = (context.Response, context.ApiVersion);
        if (version >= 1) response.WriteInt32(0); // throttle_time_ms
        if (version >= 4) response.WriteArrayLength(keys.Length);
        foreach (var key in keys)
        {
            var (broker, error, message) = keyType == GroupKey
                ? await FindAsync(context, key).ConfigureAwait(false)
                : (NoBroker, ErrorCode.InvalidRequest, $"Only consumer groups have coordinators here; the key type {keyType} is not served.");
            if (version >= 4) response.WriteString(key);
            else WriteError(response, version, error, message);
            response.WriteInt32(broker.NodeId);
            response.WriteString(broker.Host);
            response.WriteInt32(broker.Port);
            if (version >= 4) WriteError(response, version, error, message);
            if (version >= 4) response.WriteTaggedFields();
        }

        response.WriteTaggedFields();
    }

    private static void WriteError(KafkaWriter response, short version, ErrorCode error, string? message)
    {
        response.WriteError(error);
        if (version >= 1) response.WriteString(message);
    }

    private static async Task<(KafkaBroker Broker, ErrorCode Error, string? Message)> FindAsync(RequestContext context, string groupId)
    {
        if (string.IsNullOrWhiteSpace(groupId)) return (NoBroker, ErrorCode.InvalidGroupId, "The group id is empty.");
        try
        {
            var node = await context.Cluster.FindCoordinatorAsync(groupId).WaitAsync(context.Aborted).ConfigureAwait(false);
            foreach (var broker in context.Cluster.Brokers)
                if (broker.NodeId == node) return (broker, ErrorCode.None, null);
            return (NoBroker, ErrorCode.CoordinatorNotAvailable, $"Node {node}, which coordinates the group, has no Kafka listener.");
        }
        catch (Exception e) when (e is OrleansLogException or OrleansException or TimeoutException)
        {
            // Whatever keeps it from being found: clients ask again.
            return (NoBroker, ErrorCode.CoordinatorNotAvailable, e.Message);
        }
    }
}
