namespace OrleansLog.Engine.Groups.Log;

/// <summary>
/// A change of a group's state, as it is appended to <c>__consumer_offsets</c> and replayed from there. Every record is
/// complete for its key (the topic is compacted); a null value is a tombstone.
/// </summary>
/// <param name="GroupId">The group.</param>
public abstract record GroupRecord(string GroupId);

/// <summary>Key version 1: a committed offset.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Topic">The topic's name.</param>
/// <param name="Partition">The partition's number.</param>
/// <param name="Value">The offset; null when it was deleted.</param>
public sealed record OffsetRecord(string GroupId, string Topic, int Partition, GroupOffset? Value) : GroupRecord(GroupId);

/// <summary>Key version 2: a group of the classic protocol with its members.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Value">The group; null when it was deleted, or is of the classic protocol no more.</param>
public sealed record ClassicGroupRecord(string GroupId, ClassicGroupValue? Value) : GroupRecord(GroupId);

/// <summary>Key version 3: the group's epoch.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Epoch">The epoch; null when the group was deleted.</param>
public sealed record GroupEpochRecord(string GroupId, int? Epoch) : GroupRecord(GroupId);

/// <summary>Key version 4: the topics that the members subscribe to, as the last assignment saw them.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Topics">The topics, ordered by name; null when the group was deleted.</param>
public sealed record SubscribedTopicsRecord(string GroupId, IReadOnlyList<GroupTopic>? Topics) : GroupRecord(GroupId);

/// <summary>Key version 5: a member and what it subscribes to.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="MemberId">The member.</param>
/// <param name="Value">What it said of itself; null when it left.</param>
public sealed record MemberRecord(string GroupId, string MemberId, MemberMetadata? Value) : GroupRecord(GroupId);

/// <summary>Key version 6: the group epoch that the target assignment was made for; appended after all its members'.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Epoch">The epoch; null when the group was deleted.</param>
public sealed record TargetEpochRecord(string GroupId, int? Epoch) : GroupRecord(GroupId);

/// <summary>Key version 7: the partitions that a member is to own.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="MemberId">The member.</param>
/// <param name="Partitions">The partitions; null when the member left.</param>
public sealed record TargetAssignmentRecord(string GroupId, string MemberId, PartitionSet? Partitions) : GroupRecord(GroupId);

/// <summary>Key version 8: what a member owns now, and where it stands on the way to its target.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="MemberId">The member.</param>
/// <param name="Value">Its assignment; null when it left.</param>
public sealed record CurrentAssignmentRecord(string GroupId, string MemberId, CurrentAssignment? Value) : GroupRecord(GroupId);
