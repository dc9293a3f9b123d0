using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// DescribeCluster 0-1: the cluster's id and its brokers. Version 1 adds the kind of endpoint, of which there are brokers only. The
/// controller named is the silo asked, as in Metadata. Version 2, of brokers that are registered and fenced, is not offered.
/// </summary>
internal sealed class DescribeClusterApi() : KafkaApi(ApiKey.DescribeCluster, minVersion: 0, maxVersion: 1, flexibleFrom: 0)
{
    private const sbyte Brokers = 1;

    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var withOperations = request.ReadBoolean("include_cluster_authorized_operations");
        var kind = context.ApiVersion >= 1 ? request.ReadInt8("endpoint_type") : Brokers;
        request.SkipTaggedFields();
        var isKnown = kind == Brokers;
        var response = context.Response;
        response.WriteInt32(0); // throttle_time_ms
        response.WriteError(isKnown ? ErrorCode.None : ErrorCode.UnsupportedEndpointType);
        response.WriteString(isKnown ? null : $"There are endpoints of type {Brokers} (brokers) only, not of type {kind}.");
        if (context.ApiVersion >= 1) response.WriteInt8(Brokers);
        response.WriteString(context.Cluster.ClusterId);
        response.WriteInt32(context.Cluster.NodeId); // controller_id
        var brokers = isKnown ? context.Cluster.Brokers : [];
        response.WriteArrayLength(brokers.Count);
        foreach (var broker in brokers)
        {
            response.WriteInt32(broker.NodeId);
            response.WriteString(broker.Host);
            response.WriteInt32(broker.Port);
            response.WriteString(broker.Rack);
            response.WriteTaggedFields();
        }

        response.WriteInt32(AuthorizedOperations.OfCluster(withOperations));
        response.WriteTaggedFields();
        return Task.CompletedTask;
    }
}
