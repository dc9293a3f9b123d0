namespace OrleansLog.Kafka.Apis;

/// <summary>
/// What a client may do with a thing, as the bits of Kafka's ACL operations. There are no ACLs yet: whoever asks may do all that
/// there is for the kind of thing, as with a Kafka that has no authorizer.
/// </summary>
internal static class AuthorizedOperations
{
    /// <summary>The client did not ask.</summary>
    public const int NotAsked = int.MinValue;

    private const int Read = 1 << 3;
    private const int Write = 1 << 4;
    private const int Create = 1 << 5;
    private const int Delete = 1 << 6;
    private const int Alter = 1 << 7;
    private const int Describe = 1 << 8;
    private const int ClusterAction = 1 << 9;
    private const int DescribeConfigs = 1 << 10;
    private const int AlterConfigs = 1 << 11;
    private const int IdempotentWrite = 1 << 12;

    /// <summary>Of a topic.</summary>
    public static int OfTopic(bool isAsked) => isAsked
        ? Read | Write | Create | Delete | Alter | Describe | DescribeConfigs | AlterConfigs
        : NotAsked;

    /// <summary>Of the cluster.</summary>
    public static int OfCluster(bool isAsked) => isAsked
        ? Create | ClusterAction | DescribeConfigs | AlterConfigs | IdempotentWrite | Alter | Describe
        : NotAsked;

    /// <summary>Of a consumer group.</summary>
    public static int OfGroup(bool isAsked) => isAsked ? Read | Delete | Describe | DescribeConfigs | AlterConfigs : NotAsked;
}
