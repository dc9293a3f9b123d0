using OrleansLog.Engine.Groups;
using OrleansLog.Engine.Groups.Classic;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Grains.Groups;

/// <summary>Turns the messages of the classic protocol into the engine's and back.</summary>
internal static class ClassicTranslation
{
    /// <summary>A join.</summary>
    public static ClassicJoin ToEngine(this ClassicJoinRequest request) => new(
        request.MemberId ?? "",
        request.InstanceId,
        request.ProtocolType ?? "",
        [.. request.Protocols.Select(protocol => new ClassicProtocol(protocol.Name, protocol.Metadata))])
    {
        SessionTimeoutMs = request.SessionTimeoutMs,
        RebalanceTimeoutMs = request.RebalanceTimeoutMs,
        ClientId = request.ClientId ?? "",
        ClientHost = request.ClientHost ?? "",
        RequiresKnownMemberId = request.RequiresKnownMemberId,
        CanSkipAssignment = request.CanSkipAssignment,
    };

    /// <summary>The answer to a join.</summary>
    public static ClassicJoinResponse ToMessage(this ClassicJoinResult result) => new(
        result.Error,
        result.MemberId,
        result.Generation,
        result.ProtocolType,
        result.Protocol,
        result.LeaderId,
        [.. result.Members.Select(member => new ClassicJoinedMember(member.MemberId, member.InstanceId, member.Metadata))],
        result.SkipAssignment);

    /// <summary>A sync.</summary>
    public static ClassicSync ToEngine(this ClassicSyncRequest request) => new(
        request.MemberId ?? "",
        request.InstanceId,
        request.Generation,
        [.. request.Assignments.Select(entry => KeyValuePair.Create(entry.MemberId, entry.Assignment))])
    {
        ProtocolType = request.ProtocolType,
        Protocol = request.Protocol,
    };

    /// <summary>The answer to a sync.</summary>
    public static ClassicSyncResponse ToMessage(this ClassicSyncResult result) =>
        new(result.Error, result.ProtocolType, result.Protocol, result.Assignment);

    /// <summary>Members that leave.</summary>
    public static ClassicLeaver[] ToEngine(this IReadOnlyList<ClassicLeavingMember> members) =>
        [.. members.Select(member => new ClassicLeaver(member.MemberId ?? "", member.InstanceId))];

    /// <summary>A group's description.</summary>
    public static ClassicGroupDescription ToMessage(this ClassicGroupSnapshot group) => new(
        group.ProtocolType,
        group.Protocol,
        group.LeaderId,
        [.. group.Members.Select(member => new ClassicMemberDescription(
            member.MemberId, member.InstanceId, member.ClientId, member.ClientHost, member.Metadata, member.Assignment))]);
}
