namespace OrleansLog.Engine.Storage;

/// <summary>Whose data a directory holds; kept in its <c>meta.properties</c> and never changed.</summary>
/// <param name="ClusterId">Id of the cluster; Kafka's form is 22 characters of URL-safe base64.</param>
/// <param name="NodeId">Id of the node in the cluster, from 0.</param>
public sealed record DataDirectoryIdentity(string ClusterId, int NodeId);
