namespace OrleansLog.Engine.Groups.Classic;

/// <summary>What the calls of the classic protocol must look like, whoever sends them.</summary>
internal static class ClassicRules
{
    private const int MaxProtocols = 100;

    /// <summary>Checks a join; None when it is in order.</summary>
    public static ErrorCode Check(ClassicJoin join, GroupOptions options)
    {
        if (join.SessionTimeoutMs < options.MinSessionTimeout.TotalMilliseconds
            || join.SessionTimeoutMs > options.MaxSessionTimeout.TotalMilliseconds)
        {
            return ErrorCode.InvalidSessionTimeout;
        }

        if (join.ProtocolType.Length == 0 || join.Protocols.Count == 0) return ErrorCode.InconsistentGroupProtocol;
        var isInOrder = IsName(join.MemberId, options) && IsName(join.InstanceId, options) && join.InstanceId is not ""
            && IsName(join.ClientId, options) && IsName(join.ClientHost, options) && IsName(join.ProtocolType, options)
            && join.Protocols.Count <= MaxProtocols && join.Protocols.All(protocol => IsName(protocol.Name, options));
        return isInOrder ? ErrorCode.None : ErrorCode.InvalidRequest;
    }

    /// <summary>About how many bytes of the log a member takes, besides its assignment.</summary>
    public static long SizeOf(ClassicMember member) => 64 + member.Id.Length + (member.InstanceId?.Length ?? 0)
        + member.ClientId.Length + member.ClientHost.Length + SizeOf(member.Protocols);

    /// <summary>How many bytes the largest of the protocols has; one of them is kept.</summary>
    public static long SizeOf(IReadOnlyList<ClassicProtocol> protocols) =>
        protocols.Count == 0 ? 0 : protocols.Max(protocol => (long)protocol.Metadata.Length);

    private static bool IsName(string? value, GroupOptions options) => value is null || value.Length <= options.MaxNameLength;
}
